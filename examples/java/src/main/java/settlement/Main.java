package settlement;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Consumes PaymentAuthorized, charges accounts in PostgreSQL, and produces PaymentSettled. Output and consumed offsets
 * commit in one Kafka transaction; the argument says what protects the database, which is no part of it.
 *
 * <p>Any error ends the process, and whoever started it starts it again: initTransactions then aborts what was open, and
 * the consumer goes on from the committed offsets.
 */
public final class Main {
  private static final int RECORDS_PER_TRANSACTION = 20;
  private static final Duration POLL = Duration.ofMillis(500);

  public static void main(String[] arguments) throws Exception {
    var bank =
        switch (arguments.length == 1 ? arguments[0] : "") {
          case "unprotected" -> new Bank.Unprotected();
          case "recorded" -> new Bank.Recorded();
          default -> throw new IllegalArgumentException("usage: settlement unprotected|recorded");
        };
    var servers = System.getenv("KAFKA_BOOTSTRAP_SERVERS");
    try (var db = database();
        var producer = producer(servers);
        var consumer = consumer(servers)) {
      db.setAutoCommit(false);
      var main = Thread.currentThread();
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () -> {
                    consumer.wakeup();
                    try {
                      main.join();
                    } catch (InterruptedException stopped) {
                      Thread.currentThread().interrupt();
                    }
                  }));
      producer.initTransactions();
      consumer.subscribe(List.of("payment-authorized"));
      while (true) {
        var records = consumer.poll(POLL);
        if (!records.isEmpty()) {
          transact(records, consumer, producer, db, bank);
        }
      }
    } catch (WakeupException told) {
      return; // told to stop, between two transactions
    }
  }

  private static void transact(
      ConsumerRecords<String, byte[]> records,
      KafkaConsumer<String, byte[]> consumer,
      KafkaProducer<String, String> producer,
      Connection db,
      Bank bank)
      throws Exception {
    producer.beginTransaction();
    try {
      for (var record : records) {
        var payment = Bank.JSON.readValue(record.value(), PaymentAuthorized.class);
        producer.send(new ProducerRecord<>("payment-settled", record.key(), bank.settle(db, payment)));
      }
      db.commit();
      producer.sendOffsetsToTransaction(records.nextOffsets(), consumer.groupMetadata());
      producer.commitTransaction();
    } catch (Exception failed) {
      producer.close(Duration.ZERO); // an ordinary close waits for the open transaction, perhaps for minutes
      throw failed;
    }
  }

  private static Connection database() throws SQLException {
    return DriverManager.getConnection(
        System.getenv("DATABASE_URL"), System.getenv("DATABASE_USER"), System.getenv("DATABASE_PASSWORD"));
  }

  private static KafkaProducer<String, String> producer(String servers) {
    return new KafkaProducer<>(
        Map.of(
            ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, servers, ProducerConfig.TRANSACTIONAL_ID_CONFIG, "settlement-0"),
        new StringSerializer(),
        new StringSerializer());
  }

  private static KafkaConsumer<String, byte[]> consumer(String servers) {
    var settings = new HashMap<String, Object>();
    settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
    settings.put(ConsumerConfig.GROUP_ID_CONFIG, "settlement");
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, RECORDS_PER_TRANSACTION);
    var protocol = System.getenv("KAFKA_GROUP_PROTOCOL");
    if (protocol != null) {
      settings.put(ConsumerConfig.GROUP_PROTOCOL_CONFIG, protocol); // classic, or consumer (KIP-848)
    }
    return new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
  }

  private Main() {}
}
