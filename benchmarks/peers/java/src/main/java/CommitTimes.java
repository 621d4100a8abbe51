import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java client's transactions of one record each: milliseconds on standard output, one a line, in their order. */
public final class CommitTimes {
    private CommitTimes() {}

    public static void main(String[] args) {
        int count = Integer.parseInt(Job.option("COUNT", "500"));
        Properties reading = new Properties();
        reading.put("bootstrap.servers", Job.BOOTSTRAP_SERVERS);
        reading.put("group.id", Job.GROUP);
        reading.put("auto.offset.reset", "earliest");
        Properties writing = new Properties();
        writing.put("bootstrap.servers", Job.BOOTSTRAP_SERVERS);
        writing.put("transactional.id", Job.TRANSACTIONAL_ID);
        writing.put("linger.ms", "0");
        var consumer = new KafkaConsumer<>(reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        var producer = new KafkaProducer<>(writing, new ByteArraySerializer(), new ByteArraySerializer());
        consumer.subscribe(List.of(Job.INPUT));
        while (consumer.assignment().isEmpty()) consumer.poll(Duration.ofMillis(100));
        producer.initTransactions();
        TopicPartition partition = new TopicPartition(Job.INPUT, 0);
        for (int i = 1; i <= count; i++) {
            long since = System.nanoTime();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(Job.OUTPUT, 0, null, new byte[] {'x'}));
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(i)), consumer.groupMetadata());
            producer.commitTransaction();
            System.out.println((System.nanoTime() - since) / 1e6);
        }
        Runtime.getRuntime().halt(0);
    }
}
