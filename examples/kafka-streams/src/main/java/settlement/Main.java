package settlement;

import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;

/**
 * Consumes PaymentAuthorized, charges accounts in PostgreSQL from inside a task, and produces PaymentSettled, under
 * exactly_once_v2. The argument says what protects the database.
 */
public final class Main {
  public static void main(String[] arguments) throws InterruptedException {
    FixedKeyProcessorSupplier<String, byte[], String> settle =
        switch (arguments.length == 1 ? arguments[0] : "") {
          case "unprotected" -> Settle.Unprotected::new;
          case "recorded" -> Settle.Recorded::new;
          default -> throw new IllegalArgumentException("usage: settlement unprotected|recorded");
        };
    var ended = new CountDownLatch(1);
    var streams = new KafkaStreams(topology(settle), settings());
    streams.setStateListener(
        (now, before) -> {
          if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) {
            ended.countDown();
          }
        });
    Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
    streams.start();
    ended.await();
    if (streams.state() == KafkaStreams.State.ERROR) {
      Runtime.getRuntime().halt(1); // whoever started it starts it again
    }
  }

  private static Topology topology(FixedKeyProcessorSupplier<String, byte[], String> settle) {
    var builder = new StreamsBuilder();
    builder.stream("payment-authorized", Consumed.with(Serdes.String(), Serdes.ByteArray()))
        .processValues(settle)
        .to("payment-settled", Produced.with(Serdes.String(), Serdes.String()));
    return builder.build();
  }

  private static Properties settings() {
    var settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "settlement"); // the group.id, too
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    var protocol = System.getenv("KAFKA_GROUP_PROTOCOL");
    if (protocol != null) {
      settings.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, protocol); // classic, or streams (KIP-1071)
    }
    return settings;
  }

  private Main() {}
}
