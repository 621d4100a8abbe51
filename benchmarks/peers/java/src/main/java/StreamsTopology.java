import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** Kafka Streams: input, mapValues, output; exactly_once_v2 (KIP-447) unless told otherwise. */
public final class StreamsTopology {
    private static final Duration CLOSE = Duration.ofSeconds(10);

    private StreamsTopology() {}

    public static void main(String[] args) throws InterruptedException {
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(Job.INPUT, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
            .mapValues(Job::transform)
            .to(Job.OUTPUT, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings());
        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(CLOSE);
            closed.countDown();
        }));
        streams.start();
        closed.await();
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", Job.BOOTSTRAP_SERVERS);
        settings.put("application.id", Job.GROUP);
        settings.put("processing.guarantee", Job.EXACTLY_ONCE ? "exactly_once_v2" : "at_least_once");
        settings.put("commit.interval.ms", Long.toString(Job.COMMIT_MS));
        settings.put("num.stream.threads", Job.option("THREADS", "1"));
        settings.put("auto.offset.reset", "earliest");
        settings.put("state.dir", Job.option("STATE_DIR", "."));
        String instance = Job.option("INSTANCE_ID", "");
        if (!instance.isEmpty()) settings.put("group.instance.id", instance);
        String protocol = Job.option("GROUP_PROTOCOL", "");
        if (!protocol.isEmpty()) settings.put("group.protocol", protocol);
        return settings;
    }
}
