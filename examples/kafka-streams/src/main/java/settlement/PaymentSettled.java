package settlement;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.math.BigDecimal;

/** The money has moved, and this is the balance after it; amounts are decimal text. */
@JsonNaming(SnakeCaseStrategy.class)
record PaymentSettled(
    String eventId,
    String paymentId,
    String accountId,
    @JsonFormat(shape = JsonFormat.Shape.STRING) BigDecimal amount,
    @JsonFormat(shape = JsonFormat.Shape.STRING) BigDecimal balance) {}
