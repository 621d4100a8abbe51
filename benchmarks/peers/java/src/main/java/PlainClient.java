import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The plain Java client: poll, send, sendOffsetsToTransaction, commitTransaction once per interval. */
public final class PlainClient {
    private PlainClient() {}

    public static void main(String[] args) {
        var producer = new KafkaProducer<>(producerSettings(), new ByteArraySerializer(), new ByteArraySerializer());
        var consumer = new KafkaConsumer<>(consumerSettings(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        producer.initTransactions();
        consumer.subscribe(List.of(Job.INPUT));
        while (true) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
            if (records.isEmpty()) continue;
            long end = System.nanoTime() + Job.COMMIT_MS * 1_000_000L;
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            producer.beginTransaction();
            while (true) {
                for (var partition : records.partitions()) {
                    var list = records.records(partition);
                    for (var record : list) {
                        producer.send(new ProducerRecord<>(Job.OUTPUT, record.key(), Job.transform(record.value())));
                    }
                    offsets.put(partition, new OffsetAndMetadata(list.get(list.size() - 1).offset() + 1));
                }
                long left = end - System.nanoTime();
                if (left <= 0) break;
                records = consumer.poll(Duration.ofNanos(left));
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            producer.commitTransaction();
        }
    }

    private static Properties consumerSettings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", Job.BOOTSTRAP_SERVERS);
        settings.put("group.id", Job.GROUP);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("isolation.level", "read_committed");
        settings.put("max.poll.records", "5000");
        settings.put("fetch.max.wait.ms", "10");
        String instance = Job.option("INSTANCE_ID", "");
        if (!instance.isEmpty()) settings.put("group.instance.id", instance);
        return settings;
    }

    private static Properties producerSettings() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", Job.BOOTSTRAP_SERVERS);
        settings.put("transactional.id", Job.TRANSACTIONAL_ID);
        settings.put("linger.ms", "5");
        settings.put("batch.size", "262144");
        settings.put("buffer.memory", "134217728");
        return settings;
    }
}
