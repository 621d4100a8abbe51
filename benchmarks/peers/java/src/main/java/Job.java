import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;

/** What a JVM peer is asked to do: the environment in (see job.py); settings and the transform of one value out. */
final class Job {
    static final String BOOTSTRAP_SERVERS = required("BOOTSTRAP_SERVERS");
    static final String INPUT = required("INPUT");
    static final String OUTPUT = required("OUTPUT");
    static final String GROUP = required("GROUP");
    static final String TRANSACTIONAL_ID = required("TRANSACTIONAL_ID");
    static final boolean JSON = option("VALUES", "json").equals("json");
    static final boolean EXACTLY_ONCE = option("GUARANTEE", "exactly-once").equals("exactly-once");
    static final long COMMIT_MS = Long.parseLong(option("COMMIT_MS", "100"));

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final ObjectReader READER = MAPPER.readerFor(Payment.class);
    private static final ObjectWriter WRITER = MAPPER.writerFor(Payment.class);

    private Job() {}

    /** What a spec sets for this peer, or the default. */
    static String option(String name, String otherwise) {
        String value = System.getenv("PEER_" + name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static String required(String name) {
        String value = System.getenv("PEER_" + name);
        if (value == null) throw new IllegalStateException("PEER_" + name + " is not set");
        return value;
    }

    /** The work on one record: decode to a typed payment, change two fields, encode; or pass it on. */
    static byte[] transform(byte[] value) {
        if (!JSON) return value;
        try {
            Payment payment = READER.readValue(value);
            payment.type = "PaymentSettled";
            payment.status = "settled";
            return WRITER.writeValueAsBytes(payment);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
