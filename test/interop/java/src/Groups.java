// Members share partitions, come and go, and go on where others stopped.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

final class Groups {
  private static final int PARTITIONS = 6;
  private static final int COUNT = 600;

  private final Harness h;

  Groups(Harness harness) {
    h = harness;
  }

  void run(boolean consumerProtocol) {
    classic("range", "org.apache.kafka.clients.consumer.RangeAssignor");
    classic("roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor");
    classic("sticky", "org.apache.kafka.clients.consumer.StickyAssignor");
    classic("cooperative", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
    h.section("static members", this::staticMembers);
    if (!consumerProtocol) return;
    h.section("group.protocol=consumer", () -> share("consumer", "group.protocol", "consumer"));
    h.section("group.protocol=consumer, range",
        () -> share("consumer-range", "group.protocol", "consumer", "group.remote.assignor", "range"));
    h.section("from the classic protocol to the new one", this::migration);
  }

  private void classic(String name, String assignor) {
    h.section("group: " + name, () -> share(name, "partition.assignment.strategy", assignor));
  }

  // A consumer with what it was told and what it read.
  private final class Member implements AutoCloseable, ConsumerRebalanceListener {
    final KafkaConsumer<byte[], byte[]> consumer;
    final Set<String> seen = new HashSet<>();
    int lost = 0;
    int revoked = 0;

    Member(String group, String topic, String... settings) {
      List<String> all = new ArrayList<>(List.of(settings));
      all.addAll(List.of("group.id", group));
      if (!all.contains("group.protocol") || all.contains("classic")) {
        all.addAll(List.of("session.timeout.ms", "10000", "heartbeat.interval.ms", "300"));
      }
      consumer = h.consumer(all.toArray(new String[0]));
      consumer.subscribe(List.of(topic), this);
    }

    void poll() {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(50))) {
        seen.add(record.partition() + ":" + record.offset());
      }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      revoked += partitions.size();
      consumer.commitSync();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
      lost += partitions.size();
    }

    @Override
    public void close() {
      consumer.close(Duration.ofSeconds(20));
    }
  }

  private static boolean pollUntil(List<Member> members, BooleanSupplier done) {
    long deadline = System.currentTimeMillis() + Harness.PATIENCE_MS;
    while (!done.getAsBoolean()) {
      if (System.currentTimeMillis() > deadline) return false;
      members.forEach(Member::poll);
    }
    return true;
  }

  // Each partition has one member, each member about as many.
  private static boolean shared(List<Member> members) {
    Set<TopicPartition> all = new HashSet<>();
    int sum = 0;
    for (Member member : members) {
      Set<TopicPartition> own = member.consumer.assignment();
      if (own.size() < PARTITIONS / members.size() || own.size() > (PARTITIONS + members.size() - 1) / members.size()) return false;
      all.addAll(own);
      sum += own.size();
    }
    return sum == PARTITIONS && all.size() == PARTITIONS;
  }

  private static String assignments(List<Member> members) {
    StringBuilder text = new StringBuilder();
    for (Member member : members) text.append(new TreeSet<>(member.consumer.assignment().stream().map(TopicPartition::partition).toList()));
    return text.toString();
  }

  private void fill(String topic, int first, int count) {
    try (KafkaProducer<byte[], byte[]> producer = h.producer()) {
      for (int i = first; i < first + count; ++i) {
        producer.send(new ProducerRecord<>(topic, i % PARTITIONS, null, Harness.bytes("" + i)));
      }
      producer.flush();
    }
  }

  private void share(String name, String... settings) throws Exception {
    String topic = h.makeTopic("shared-" + name, PARTITIONS, Map.of());
    String group = h.name("group-" + name);
    fill(topic, 0, COUNT);
    List<Member> members = new ArrayList<>();
    try {
      members.add(new Member(group, topic, settings));
      h.check(name + ": one member has all", pollUntil(members, () -> shared(members)), assignments(members));
      members.add(new Member(group, topic, settings));
      h.check(name + ": two members share", pollUntil(members, () -> shared(members)), assignments(members));
      members.add(new Member(group, topic, settings));
      h.check(name + ": three members share", pollUntil(members, () -> shared(members)), assignments(members));
      h.equal(name + ": the group's members", 3, Harness.get(h.admin.describeConsumerGroups(List.of(group)).all()).get(group).members().size());
      fill(topic, COUNT, COUNT);
      Set<String> seen = new HashSet<>();
      h.check(name + ": together they read all", pollUntil(members, () -> {
        members.forEach(member -> seen.addAll(member.seen));
        return seen.size() == 2 * COUNT;
      }), seen.size());
      members.remove(0).close();
      h.check(name + ": two are left", pollUntil(members, () -> shared(members)), assignments(members));
      h.equal(name + ": nobody lost a partition", 0, members.stream().mapToInt(member -> member.lost).sum());
      members.forEach(member -> member.consumer.commitSync());
    } finally {
      members.forEach(Member::close);
    }
    long committed = 0;
    for (OffsetAndMetadata at : Harness.get(h.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).values()) {
      committed += at.offset();
    }
    h.equal(name + ": all is committed", 2L * COUNT, committed);
    fill(topic, 2 * COUNT, PARTITIONS);
    try (Member heir = new Member(group, topic, settings)) {
      h.check(name + ": the heir goes on", pollUntil(List.of(heir), () -> heir.seen.size() >= PARTITIONS), heir.seen.size());
      heir.poll();
      h.equal(name + ": and reads nothing twice", PARTITIONS, heir.seen.size());
      TopicPartition first = new TopicPartition(topic, 0);
      heir.consumer.commitSync(Map.of(first, new OffsetAndMetadata(3, java.util.Optional.of(0), "a note")));
      OffsetAndMetadata back = heir.consumer.committed(Set.of(first)).get(first);
      h.equal(name + ": a commit with a note", "3 a note", back.offset() + " " + back.metadata());
    }
  }

  private void staticMembers() throws Exception {
    String topic = h.makeTopic("static", PARTITIONS, Map.of());
    String group = h.name("group-static");
    List<Member> members = new ArrayList<>();
    try {
      members.add(new Member(group, topic, "group.instance.id", "one"));
      members.add(new Member(group, topic, "group.instance.id", "two"));
      h.check("static: two members share", pollUntil(members, () -> shared(members)), assignments(members));
      Set<TopicPartition> before = new HashSet<>(members.get(1).consumer.assignment());
      int revoked = members.get(0).revoked;
      members.remove(1).close();
      members.add(new Member(group, topic, "group.instance.id", "two"));
      h.check("static: it comes back to its partitions",
          pollUntil(members, () -> members.get(1).consumer.assignment().equals(before)), assignments(members));
      h.equal("static: without a rebalance", revoked, members.get(0).revoked);
    } finally {
      members.forEach(Member::close);
    }
  }

  // A group of the classic protocol is joined by members of the new one, until none of the old are left.
  private void migration() throws Exception {
    String topic = h.makeTopic("migrating", PARTITIONS, Map.of());
    String group = h.name("group-migrating");
    fill(topic, 0, COUNT);
    List<Member> members = new ArrayList<>();
    try {
      members.add(new Member(group, topic, "group.protocol", "classic"));
      h.check("migration: a classic member has all", pollUntil(members, () -> shared(members)), assignments(members));
      members.add(new Member(group, topic, "group.protocol", "consumer"));
      h.check("migration: both kinds share", pollUntil(members, () -> shared(members)), assignments(members));
      Set<String> seen = new HashSet<>();
      h.check("migration: together they read all", pollUntil(members, () -> {
        members.forEach(member -> seen.addAll(member.seen));
        return seen.size() == COUNT;
      }), seen.size());
      members.remove(0).close();
      h.check("migration: the new member has all", pollUntil(members, () -> shared(members)), assignments(members));
    } finally {
      members.forEach(Member::close);
    }
  }
}
