// What the checks of the Java client share: counting, and clients with their settings.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

final class Harness {
  static final long PATIENCE_MS = 60_000;

  final String bootstrap;
  // In the names of topics and groups, so that several runs may share a cluster.
  final String tag;
  final Admin admin;
  private int passed = 0;
  private int failed = 0;

  Harness(String bootstrap, String tag) {
    this.bootstrap = bootstrap;
    this.tag = tag;
    admin = Admin.create(clientSettings());
  }

  int passed() {
    return passed;
  }

  int failed() {
    return failed;
  }

  void check(String name, boolean holds, Object seen) {
    if (holds) {
      ++passed;
      System.out.println("ok   " + name);
    } else {
      ++failed;
      System.out.println("FAIL " + name + ": " + seen);
    }
  }

  void equal(String name, Object wanted, Object got) {
    check(name, Objects.equals(wanted, got), "expected " + wanted + ", got " + got);
  }

  interface Body {
    void run() throws Exception;
  }

  // What a section throws is one failed check; the sections behind it run.
  void section(String name, Body body) {
    try {
      body.run();
    } catch (Exception | AssertionError e) {
      check(name, false, e);
      e.printStackTrace(System.out);
    }
  }

  // The error of `future`, which must not succeed.
  void refused(String name, Class<? extends Exception> wanted, Future<?> future) throws Exception {
    refused(name, List.of(wanted), future);
  }

  void refused(String name, List<Class<? extends Exception>> wanted, Future<?> future) throws Exception {
    try {
      Object got = future.get(PATIENCE_MS, TimeUnit.MILLISECONDS);
      check(name, false, "it was answered: " + got);
    } catch (ExecutionException e) {
      check(name, wanted.stream().anyMatch(one -> one.isInstance(e.getCause())), e.getCause());
    }
  }

  static <T> T get(Future<T> future) throws Exception {
    return future.get(PATIENCE_MS, TimeUnit.MILLISECONDS);
  }

  Properties clientSettings() {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("request.timeout.ms", "20000");
    return settings;
  }

  KafkaProducer<byte[], byte[]> producer(String... keysAndValues) {
    Properties settings = with(clientSettings(), keysAndValues);
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  KafkaConsumer<byte[], byte[]> consumer(String... keysAndValues) {
    Properties settings = clientSettings();
    settings.put("auto.offset.reset", "earliest");
    settings.put("enable.auto.commit", "false");
    with(settings, keysAndValues);
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static Properties with(Properties settings, String... keysAndValues) {
    for (int i = 0; i < keysAndValues.length; i += 2) settings.put(keysAndValues[i], keysAndValues[i + 1]);
    return settings;
  }

  String name(String what) {
    return what + "-" + tag;
  }

  String makeTopic(String what, int partitions, Map<String, String> configs) throws Exception {
    String topic = name(what);
    get(admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all());
    // Apache Kafka's broker learns of it a moment behind its controller.
    long deadline = System.currentTimeMillis() + PATIENCE_MS;
    while (!get(admin.listTopics().names()).contains(topic) && System.currentTimeMillis() < deadline) {
    }
    return topic;
  }

  // Every record of `topic` from its start to its end of now.
  List<ConsumerRecord<byte[], byte[]>> readAll(String topic, String... keysAndValues) {
    List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(keysAndValues)) {
      List<TopicPartition> partitions = new ArrayList<>();
      consumer.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      long deadline = System.currentTimeMillis() + PATIENCE_MS;
      while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
        if (System.currentTimeMillis() > deadline) throw new AssertionError("reading " + topic + " takes too long");
        consumer.poll(Duration.ofMillis(100)).forEach(records::add);
      }
    }
    return records;
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static String text(byte[] bytes) {
    return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
  }

  static List<String> values(Collection<ConsumerRecord<byte[], byte[]>> records) {
    List<String> values = new ArrayList<>();
    for (ConsumerRecord<byte[], byte[]> record : records) values.add(text(record.value()));
    return values;
  }

  static boolean same(byte[] a, byte[] b) {
    return Arrays.equals(a, b);
  }
}
