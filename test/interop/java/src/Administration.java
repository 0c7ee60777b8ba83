// What the admin client asks for.

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

final class Administration {
  private final Harness h;

  Administration(Harness harness) {
    h = harness;
  }

  void run() {
    h.section("cluster", this::cluster);
    h.section("topics", this::topics);
    h.section("topics by id", this::topicsById);
    h.section("configs", this::configs);
    h.section("records and offsets", this::recordsAndOffsets);
    h.section("groups", this::groups);
    h.section("log directories", this::logDirectories);
    h.section("elections and reassignments", this::elections);
  }

  private void cluster() throws Exception {
    var described = h.admin.describeCluster();
    h.equal("one broker", 1, Harness.get(described.nodes()).size());
    Node node = Harness.get(described.nodes()).iterator().next();
    h.equal("which is the controller", node.id(), Harness.get(described.controller()).id());
    h.check("the cluster has an id", Harness.get(described.clusterId()) != null, null);
    h.equal("its address", h.bootstrap.split(":")[1], "" + node.port());
    h.check("features are described", Harness.get(h.admin.describeFeatures().featureMetadata()) != null, null);
  }

  private void topics() throws Exception {
    String topic = h.name("made");
    NewTopic asked = new NewTopic(topic, 3, (short) 1).configs(Map.of("retention.ms", "60000"));
    Harness.get(h.admin.createTopics(List.of(asked), new CreateTopicsOptions().validateOnly(true)).all());
    h.check("validate only makes nothing", !Harness.get(h.admin.listTopics().names()).contains(topic), topic);
    CreateTopicsResult made = h.admin.createTopics(List.of(asked));
    h.equal("partitions of the new topic", 3, Harness.get(made.numPartitions(topic)));
    h.equal("its replication", 1, Harness.get(made.replicationFactor(topic)));
    h.equal("its config", "60000", Harness.get(made.config(topic)).get("retention.ms").value());
    h.check("it is listed", Harness.get(h.admin.listTopics().names()).contains(topic), topic);
    h.refused("twice", TopicExistsException.class, h.admin.createTopics(List.of(asked)).all());
    h.refused("no partitions", InvalidPartitionsException.class,
        h.admin.createTopics(List.of(new NewTopic(topic + "-0", 0, (short) 1))).all());
    h.refused("two replicas", InvalidReplicationFactorException.class,
        h.admin.createTopics(List.of(new NewTopic(topic + "-r", 1, (short) 2))).all());
    h.refused("a config nobody knows", InvalidConfigurationException.class,
        h.admin.createTopics(List.of(new NewTopic(topic + "-c", 1, (short) 1).configs(Map.of("no.such", "1")))).all());
    h.equal("defaults", 1, Harness.get(h.admin.createTopics(List.of(new NewTopic(topic + "-d", Optional.empty(), Optional.empty()))).numPartitions(topic + "-d")));
    TopicDescription described = Harness.get(h.admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
    h.equal("described partitions", 3, described.partitions().size());
    h.equal("in-sync replicas", 1, described.partitions().get(0).isr().size());
    h.equal("its id", Harness.get(made.topicId(topic)), described.topicId());
    Harness.get(h.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all());
    h.equal("more partitions", 5, Harness.get(h.admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).partitions().size());
    h.refused("fewer partitions", InvalidPartitionsException.class, h.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(2))).all());
    h.refused("of an unknown topic", UnknownTopicOrPartitionException.class, h.admin.createPartitions(Map.of(topic + "-no", NewPartitions.increaseTo(2))).all());
    Harness.get(h.admin.deleteTopics(List.of(topic)).all());
    h.check("it is gone", !Harness.get(h.admin.listTopics().names()).contains(topic), topic);
    h.refused("deleted twice", UnknownTopicOrPartitionException.class, h.admin.deleteTopics(List.of(topic)).all());
    h.refused("described when gone", UnknownTopicOrPartitionException.class, h.admin.describeTopics(List.of(topic)).allTopicNames());
  }

  private void topicsById() throws Exception {
    String topic = h.makeTopic("by-id", 2, Map.of());
    Uuid id = Harness.get(h.admin.describeTopics(List.of(topic)).allTopicNames()).get(topic).topicId();
    h.equal("described by id", topic, Harness.get(h.admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds()).get(id).name());
    Harness.get(h.admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
    h.refused("deleted by id twice", UnknownTopicIdException.class, h.admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
    // 3.7's client makes an error of its own of it.
    h.refused("described by an id that is gone", List.of(UnknownTopicIdException.class, InvalidTopicException.class),
        h.admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds());
  }

  private Config configOf(ConfigResource resource) throws Exception {
    return Harness.get(h.admin.describeConfigs(List.of(resource)).all()).get(resource);
  }

  private void alter(ConfigResource resource, String name, String value, AlterConfigOp.OpType type) throws Exception {
    Harness.get(h.admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), type)))).all());
  }

  private void configs() throws Exception {
    String topic = h.makeTopic("configured", 1, Map.of("cleanup.policy", "compact"));
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    ConfigEntry policy = configOf(resource).get("cleanup.policy");
    h.equal("a config of the topic", "compact DYNAMIC_TOPIC_CONFIG", policy.value() + " " + policy.source());
    ConfigEntry retention = configOf(resource).get("retention.ms");
    h.equal("a default", "604800000 DEFAULT_CONFIG", retention.value() + " " + retention.source());
    alter(resource, "retention.ms", "1234567", AlterConfigOp.OpType.SET);
    h.equal("set", "1234567", configOf(resource).get("retention.ms").value());
    alter(resource, "cleanup.policy", "delete", AlterConfigOp.OpType.APPEND);
    h.equal("append", Set.of("compact", "delete"), Set.of(configOf(resource).get("cleanup.policy").value().split(",")));
    alter(resource, "cleanup.policy", "compact", AlterConfigOp.OpType.SUBTRACT);
    h.equal("subtract", "delete", configOf(resource).get("cleanup.policy").value());
    alter(resource, "retention.ms", "", AlterConfigOp.OpType.DELETE);
    h.equal("delete", "604800000", configOf(resource).get("retention.ms").value());
    h.refused("a value that is none", InvalidConfigurationException.class,
        h.admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "soon"), AlterConfigOp.OpType.SET)))).all());
    h.refused("configs of an unknown topic", UnknownTopicOrPartitionException.class,
        h.admin.describeConfigs(List.of(new ConfigResource(ConfigResource.Type.TOPIC, topic + "-no"))).all());
    Node node = Harness.get(h.admin.describeCluster().nodes()).iterator().next();
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "" + node.id());
    h.check("the broker's configs", configOf(broker).get("log.retention.ms") != null && configOf(broker).get("node.id") != null, configOf(broker).entries().size());
    alter(broker, "log.retention.ms", "7654321", AlterConfigOp.OpType.SET);
    long deadline = System.currentTimeMillis() + Harness.PATIENCE_MS;
    while (!"7654321".equals(configOf(resource).get("retention.ms").value()) && System.currentTimeMillis() < deadline) {
    }
    h.equal("the topic's default follows the broker's", "7654321", configOf(resource).get("retention.ms").value());
    alter(broker, "log.retention.ms", "", AlterConfigOp.OpType.DELETE);
  }

  private void recordsAndOffsets() throws Exception {
    String topic = h.makeTopic("trimmed", 2, Map.of("retention.ms", "-1"));
    TopicPartition first = new TopicPartition(topic, 0);
    TopicPartition second = new TopicPartition(topic, 1);
    try (KafkaProducer<byte[], byte[]> producer = h.producer()) {
      for (int i = 0; i < 100; ++i) {
        Harness.get(producer.send(new ProducerRecord<>(topic, 0, 1000L + (i == 70 ? 5000 : i), null, Harness.bytes("" + i))));
      }
    }
    h.equal("low watermark", 40L, Harness.get(h.admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(40))).lowWatermarks().get(first)).lowWatermark());
    h.equal("read from there", 60, h.readAll(topic).size());
    h.refused("beyond the end", OffsetOutOfRangeException.class,
        h.admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(1000))).lowWatermarks().get(first));
    h.equal("earliest", 40L, offset(first, OffsetSpec.earliest()));
    h.equal("latest", 100L, offset(first, OffsetSpec.latest()));
    h.equal("latest of an empty partition", 0L, offset(second, OffsetSpec.latest()));
    h.equal("by time", 50L, offset(first, OffsetSpec.forTimestamp(1050)));
    h.equal("behind every time", -1L, offset(first, OffsetSpec.forTimestamp(99_999)));
    h.equal("the newest time", 70L, offset(first, OffsetSpec.maxTimestamp()));
    h.equal("all before the end", 100L, Harness.get(h.admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(first)).lowWatermark());
    h.equal("nothing left", 0, h.readAll(topic).size());
  }

  private long offset(TopicPartition partition, OffsetSpec spec) throws Exception {
    return Harness.get(h.admin.listOffsets(Map.of(partition, spec)).partitionResult(partition)).offset();
  }

  private void groups() throws Exception {
    String topic = h.makeTopic("grouped", 2, Map.of());
    String group = h.name("administered");
    TopicPartition first = new TopicPartition(topic, 0);
    TopicPartition second = new TopicPartition(topic, 1);
    Harness.get(h.admin.alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(5), second, new OffsetAndMetadata(7, "note"))).all());
    var offsets = Harness.get(h.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata());
    h.equal("offsets that were set", "5 7 note", offsets.get(first).offset() + " " + offsets.get(second).offset() + " " + offsets.get(second).metadata());
    h.equal("offsets of no group", Map.of(), Harness.get(h.admin.listConsumerGroupOffsets(group + "-no").partitionsToOffsetAndMetadata()));
    List<String> listed = new ArrayList<>();
    for (ConsumerGroupListing listing : Harness.get(h.admin.listConsumerGroups().all())) listed.add(listing.groupId());
    h.check("it is listed", listed.contains(group), listed);
    try (KafkaConsumer<byte[], byte[]> consumer = h.consumer("group.id", group, "client.id", "named", "session.timeout.ms", "10000")) {
      consumer.subscribe(List.of(topic));
      long deadline = System.currentTimeMillis() + Harness.PATIENCE_MS;
      while (consumer.assignment().isEmpty() && System.currentTimeMillis() < deadline) consumer.poll(java.time.Duration.ofMillis(50));
      ConsumerGroupDescription described = Harness.get(h.admin.describeConsumerGroups(List.of(group)).all()).get(group);
      h.equal("described", "Stable range named", described.state() + " " + described.partitionAssignor() + " " + described.members().iterator().next().clientId());
      h.equal("what the member has", Set.of(first, second), described.members().iterator().next().assignment().topicPartitions());
      h.refused("deleted while in use", GroupNotEmptyException.class, h.admin.deleteConsumerGroups(List.of(group)).all());
    }
    Harness.get(h.admin.deleteConsumerGroupOffsets(group, Set.of(first)).all());
    h.check("an offset was deleted", !Harness.get(h.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).containsKey(first), first);
    Harness.get(h.admin.deleteConsumerGroups(List.of(group)).all());
    h.refused("deleted twice", GroupIdNotFoundException.class, h.admin.deleteConsumerGroups(List.of(group)).all());
  }

  private void logDirectories() throws Exception {
    String topic = h.makeTopic("sized", 1, Map.of());
    try (KafkaProducer<byte[], byte[]> producer = h.producer()) {
      Harness.get(producer.send(new ProducerRecord<>(topic, 0, null, new byte[100_000])));
    }
    int node = Harness.get(h.admin.describeCluster().nodes()).iterator().next().id();
    Map<String, LogDirDescription> described = Harness.get(h.admin.describeLogDirs(List.of(node)).allDescriptions()).get(node);
    h.check("a log directory", !described.isEmpty(), described);
    Set<Long> sizes = new TreeSet<>();
    for (LogDirDescription directory : described.values()) {
      h.check("without an error", directory.error() == null, directory.error());
      var replica = directory.replicaInfos().get(new TopicPartition(topic, 0));
      if (replica != null) sizes.add(replica.size());
    }
    h.check("the topic's size", sizes.size() == 1 && sizes.iterator().next() >= 100_000, sizes);
  }

  private void elections() throws Exception {
    String topic = h.makeTopic("elected", 1, Map.of());
    TopicPartition partition = new TopicPartition(topic, 0);
    var elected = Harness.get(h.admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).partitions());
    h.check("no election is needed", elected.get(partition).orElse(null) instanceof ElectionNotNeededException, elected);
    var missing = Harness.get(h.admin.electLeaders(ElectionType.PREFERRED, Set.of(new TopicPartition(topic + "-no", 0))).partitions());
    h.check("none of an unknown topic", missing.values().iterator().next().orElse(null) instanceof UnknownTopicOrPartitionException, missing);
    h.equal("no reassignments", new HashMap<>(), Harness.get(h.admin.listPartitionReassignments().reassignments()));
  }
}
