import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;

/** The typed record: JSON in, JSON out. */
@JsonPropertyOrder({"event_id", "type", "order_id", "amount", "currency", "ts", "memo", "status"})
public final class Payment {
    @JsonProperty("event_id") public String eventId;
    public String type;
    @JsonProperty("order_id") public String orderId;
    public double amount;
    public String currency;
    public long ts;
    public String memo;
    public String status = "";
}
