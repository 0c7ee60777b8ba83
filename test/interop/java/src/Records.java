// What goes in comes out: codecs, headers, times, order, sizes, refusals.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.TimestampType;

final class Records {
  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
  private static final int COUNT = 5000;

  private final Harness h;

  Records(Harness harness) {
    h = harness;
  }

  void run() {
    h.section("codecs", this::codecs);
    h.section("re-compression", this::brokerCodecs);
    h.section("headers and times", this::headersAndTimes);
    h.section("log append time", this::logAppendTime);
    h.section("null and empty", this::nullAndEmpty);
    h.section("idempotence", this::idempotence);
    h.section("acks", this::acks);
    h.section("large messages", this::largeMessages);
    h.section("refusals", this::refusals);
    h.section("positions", this::positions);
    h.section("fetch sizes", this::fetchSizes);
  }

  private List<String> send(String topic, int count, String... settings) throws Exception {
    List<String> sent = new ArrayList<>();
    List<Future<RecordMetadata>> answers = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer = h.producer(settings)) {
      for (int i = 0; i < count; ++i) {
        String value = "value number " + i;
        sent.add(value);
        answers.add(producer.send(new ProducerRecord<>(topic, 0, Harness.bytes("key " + i % 100), Harness.bytes(value))));
      }
      producer.flush();
    }
    for (int i = 0; i < count; ++i) {
      if (Harness.get(answers.get(i)).offset() != i) throw new AssertionError("record " + i + " has another offset");
    }
    return sent;
  }

  private void codecs() throws Exception {
    for (String codec : CODECS) {
      String topic = h.makeTopic("codec-" + codec, 1, Map.of());
      List<String> sent = send(topic, COUNT, "compression.type", codec, "linger.ms", "5");
      h.equal("codec " + codec, sent, Harness.values(h.readAll(topic)));
    }
  }

  // A topic of one codec takes producers of another.
  private void brokerCodecs() throws Exception {
    for (String codec : List.of("uncompressed", "gzip", "snappy", "lz4", "zstd")) {
      String topic = h.makeTopic("broker-codec-" + codec, 1, Map.of("compression.type", codec));
      List<String> sent = send(topic, COUNT, "compression.type", codec.equals("lz4") ? "gzip" : "lz4");
      h.equal("topic of codec " + codec, sent, Harness.values(h.readAll(topic)));
    }
  }

  private void headersAndTimes() throws Exception {
    String topic = h.makeTopic("headers", 1, Map.of("retention.ms", "-1"));
    long time = 1_600_000_000_123L;
    RecordMetadata at;
    try (KafkaProducer<byte[], byte[]> producer = h.producer()) {
      ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, 0, time, Harness.bytes("k"), Harness.bytes("v"));
      record.headers().add("one", Harness.bytes("1")).add("none", null).add("one", Harness.bytes("again"));
      record.headers().add("bytes", new byte[] {0, -1, 127, -128}).add("empty", new byte[0]);
      at = Harness.get(producer.send(record));
    }
    List<ConsumerRecord<byte[], byte[]>> got = h.readAll(topic);
    h.equal("one record with headers", 1, got.size());
    Header[] headers = got.get(0).headers().toArray();
    h.equal("headers' names", "one none one bytes empty", String.join(" ", Arrays.stream(headers).map(Header::key).toList()));
    h.check("headers' values",
        Harness.text(headers[0].value()).equals("1") && headers[1].value() == null
            && Harness.text(headers[2].value()).equals("again")
            && Harness.same(headers[3].value(), new byte[] {0, -1, 127, -128}) && headers[4].value().length == 0,
        Arrays.toString(headers));
    h.equal("the producer's time", time, got.get(0).timestamp());
    h.equal("its type", TimestampType.CREATE_TIME, got.get(0).timestampType());
    h.equal("the time in the answer", time, at.timestamp());
  }

  private void logAppendTime() throws Exception {
    String topic = h.makeTopic("append-time", 1, Map.of("message.timestamp.type", "LogAppendTime"));
    long before = System.currentTimeMillis();
    RecordMetadata at;
    try (KafkaProducer<byte[], byte[]> producer = h.producer("compression.type", "zstd")) {
      at = Harness.get(producer.send(new ProducerRecord<>(topic, 0, 5L, null, Harness.bytes("v"))));
    }
    ConsumerRecord<byte[], byte[]> got = h.readAll(topic).get(0);
    h.check("the broker's time", got.timestamp() >= before - 1000 && got.timestamp() <= System.currentTimeMillis() + 1000,
        got.timestamp() + " where it was " + before);
    h.equal("the broker's time: its type", TimestampType.LOG_APPEND_TIME, got.timestampType());
    h.equal("the broker's time in the answer", got.timestamp(), at.timestamp());
  }

  private void nullAndEmpty() throws Exception {
    String topic = h.makeTopic("null", 1, Map.of());
    try (KafkaProducer<byte[], byte[]> producer = h.producer()) {
      producer.send(new ProducerRecord<>(topic, 0, null, null));
      producer.send(new ProducerRecord<>(topic, 0, new byte[0], new byte[0]));
      producer.flush();
    }
    List<ConsumerRecord<byte[], byte[]>> got = h.readAll(topic);
    h.check("null stays null", got.get(0).key() == null && got.get(0).value() == null, got.get(0));
    h.check("empty stays empty", got.get(1).key().length == 0 && got.get(1).value().length == 0, got.get(1));
  }

  private void idempotence() throws Exception {
    String topic = h.makeTopic("idempotent", 3, Map.of());
    int threads = 3;
    List<Future<RecordMetadata>> answers = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer = h.producer("enable.idempotence", "true", "acks", "all", "batch.size", "400",
             "max.in.flight.requests.per.connection", "5")) {
      for (int i = 0; i < COUNT; ++i) {
        answers.add(producer.send(new ProducerRecord<>(topic, i % threads, null, Harness.bytes("value number " + i))));
      }
      producer.flush();
    }
    Set<String> places = new HashSet<>();
    for (Future<RecordMetadata> answer : answers) {
      RecordMetadata at = Harness.get(answer);
      places.add(at.partition() + "@" + at.offset());
    }
    h.equal("idempotent: a place for each", COUNT, places.size());
    List<List<String>> got = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    h.readAll(topic).forEach(record -> got.get(record.partition()).add(Harness.text(record.value())));
    List<List<String>> wanted = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    for (int i = 0; i < COUNT; ++i) wanted.get(i % threads).add("value number " + i);
    h.equal("idempotent: order of each partition", wanted, got);
    h.check("idempotent: the broker knows the producer",
        !Harness.get(h.admin.describeProducers(List.of(new TopicPartition(topic, 0))).all())
             .get(new TopicPartition(topic, 0)).activeProducers().isEmpty(),
        "no active producer");
  }

  private void acks() throws Exception {
    for (String acks : List.of("0", "1")) {
      String topic = h.makeTopic("acks-" + acks, 1, Map.of());
      try (KafkaProducer<byte[], byte[]> producer = h.producer("acks", acks, "enable.idempotence", "false")) {
        for (int i = 0; i < 100; ++i) producer.send(new ProducerRecord<>(topic, 0, null, Harness.bytes("" + i)));
        producer.flush();
        // Behind the others on one connection.
        h.equal("acks=" + acks, List.of(topic), List.of(producer.partitionsFor(topic).get(0).topic()));
      }
      long deadline = System.currentTimeMillis() + Harness.PATIENCE_MS;
      int got = 0;
      while (got < 100 && System.currentTimeMillis() < deadline) got = h.readAll(topic).size();
      h.equal("acks=" + acks + ": all are there", 100, got);
    }
  }

  private void largeMessages() throws Exception {
    String topic = h.makeTopic("large", 1, Map.of("max.message.bytes", "20000000"));
    Random random = new Random(1);
    List<byte[]> sent = new ArrayList<>();
    try (KafkaProducer<byte[], byte[]> producer =
             h.producer("max.request.size", "20000000", "buffer.memory", "80000000", "compression.type", "lz4")) {
      for (int megabytes : List.of(1, 4, 12, 7)) {
        byte[] value = new byte[megabytes << 20];
        random.nextBytes(value);
        sent.add(value);
        Harness.get(producer.send(new ProducerRecord<>(topic, 0, null, value)));
      }
    }
    List<ConsumerRecord<byte[], byte[]>> got = h.readAll(topic);
    boolean same = got.size() == sent.size();
    for (int i = 0; same && i < sent.size(); ++i) same = Harness.same(sent.get(i), got.get(i).value());
    h.check("large messages come out", same, got.size() + " of " + sent.size());
    h.equal("and where a fetch asks for little", sent.size(), h.readAll(topic, "max.partition.fetch.bytes", "1000").size());
  }

  private void refusals() throws Exception {
    String topic = h.makeTopic("small", 1, Map.of("max.message.bytes", "2000"));
    try (KafkaProducer<byte[], byte[]> producer = h.producer("max.request.size", "20000000", "max.block.ms", "10000")) {
      h.refused("too large for the topic", RecordTooLargeException.class,
          producer.send(new ProducerRecord<>(topic, 0, null, new byte[3000])));
      h.equal("and nothing was kept", 0L, Harness.get(producer.send(new ProducerRecord<>(topic, 0, null, new byte[10]))).offset());
      h.refused("a topic with a bad name", InvalidTopicException.class,
          producer.send(new ProducerRecord<>("bad name!", null, new byte[10])));
    }
  }

  private void positions() throws Exception {
    String topic = h.makeTopic("positions", 1, Map.of("retention.ms", "-1"));
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaProducer<byte[], byte[]> producer = h.producer()) {
      for (int i = 0; i < 100; ++i) {
        Harness.get(producer.send(new ProducerRecord<>(topic, 0, 1_000_000L + 10L * i, null, Harness.bytes("" + i))));
      }
    }
    try (KafkaConsumer<byte[], byte[]> consumer = h.consumer()) {
      consumer.assign(List.of(partition));
      h.equal("beginning", 0L, consumer.beginningOffsets(List.of(partition)).get(partition));
      h.equal("end", 100L, consumer.endOffsets(List.of(partition)).get(partition));
      OffsetAndTimestamp at = consumer.offsetsForTimes(Map.of(partition, 1_000_495L)).get(partition);
      h.equal("offset for a time", "50 1000500", at.offset() + " " + at.timestamp());
      h.equal("offset for a time behind the end", null, consumer.offsetsForTimes(Map.of(partition, 9_000_000L)).get(partition));
      consumer.seek(partition, 42);
      List<ConsumerRecord<byte[], byte[]>> got = new ArrayList<>();
      long deadline = System.currentTimeMillis() + Harness.PATIENCE_MS;
      while (got.isEmpty() && System.currentTimeMillis() < deadline) consumer.poll(Duration.ofMillis(100)).forEach(got::add);
      h.check("seek", !got.isEmpty() && got.get(0).offset() == 42, got);
      // Beyond the end: the position is reset to the earliest.
      consumer.seek(partition, 100_000);
      got.clear();
      deadline = System.currentTimeMillis() + Harness.PATIENCE_MS;
      while (got.isEmpty() && System.currentTimeMillis() < deadline) consumer.poll(Duration.ofMillis(100)).forEach(got::add);
      h.check("out of range is reset", !got.isEmpty() && got.get(0).offset() == 0, got);
      h.check("the lag is known", consumer.currentLag(partition).orElse(-1) == 100 - consumer.position(partition),
          consumer.currentLag(partition));
    }
  }

  private void fetchSizes() throws Exception {
    String topic = h.makeTopic("sizes", 4, Map.of("segment.bytes", "1048576"));
    try (KafkaProducer<byte[], byte[]> producer = h.producer("batch.size", "4000")) {
      for (int i = 0; i < 4000; ++i) producer.send(new ProducerRecord<>(topic, i % 4, null, new byte[1000]));
      producer.flush();
    }
    h.equal("small fetches over many segments", 4000, h.readAll(topic, "max.partition.fetch.bytes", "5000").size());
    h.equal("small answers", 4000, h.readAll(topic, "fetch.max.bytes", "20000").size());
    h.equal("read committed", 4000, h.readAll(topic, "isolation.level", "read_committed").size());
    h.equal("checksums are checked", 4000, h.readAll(topic, "check.crcs", "true", "fetch.min.bytes", "100000").size());
  }
}
