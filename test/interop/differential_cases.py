"""What test/interop/differential.py asks of both brokers. `ask(name, key, body)` compares the answers at every version both serve."""

import time

from kafka_wire import batch

PRODUCE, FETCH, LIST_OFFSETS, METADATA, COMMIT, OFFSETS, COORDINATOR = 0, 1, 2, 3, 8, 9, 10
JOIN, HEARTBEAT, LEAVE, SYNC, DESCRIBE_GROUPS, LIST_GROUPS, API_VERSIONS = 11, 12, 13, 14, 15, 16, 18
CREATE, DELETE, DELETE_RECORDS, PRODUCER_ID, EPOCHS = 19, 20, 21, 22, 23
DESCRIBE_CONFIGS, ALTER_CONFIGS, LOG_DIRS, PARTITIONS, DELETE_GROUPS, ELECT = 32, 33, 35, 37, 42, 43
INCREMENTAL, REASSIGNMENTS, OFFSET_DELETE, CLUSTER, PRODUCERS = 44, 46, 47, 60, 61
HEARTBEAT_848, DESCRIBE_848, RESOURCES, DESCRIBE_TOPICS = 68, 69, 74, 75

NO_ID = "00000000-0000-0000-0000-000000000000"
STRANGE_ID = "00000000-0000-0000-0000-0000000000ff"
# Of this day, that retention takes nothing.
TIME = int(time.time()) // 1000 * 1000 * 1000


def new_topic(name, partitions=1, replicas=1, configs=None, assignments=None):
    return {"Name": name, "NumPartitions": partitions, "ReplicationFactor": replicas,
            "Assignments": [{"PartitionIndex": i, "BrokerIds": brokers} for i, brokers in (assignments or {}).items()],
            "Configs": [{"Name": key, "Value": value} for key, value in (configs or {}).items()]}


def api_versions(d):
    d.ask("api versions", API_VERSIONS, {"ClientSoftwareName": "a-client", "ClientSoftwareVersion": "1.0"})
    d.ask("api versions, bad name", API_VERSIONS, {"ClientSoftwareName": "-", "ClientSoftwareVersion": ""}, versions=(3, 4))
    d.ask("api versions, unknown version", API_VERSIONS, b"", versions=(99,))


def topics(d):
    for what, topic in {
        "made": new_topic("made"),
        "configs": new_topic("configured", 3, configs={"retention.ms": "5000", "cleanup.policy": "compact"}),
        "defaults": new_topic("defaults", -1, -1),
        "no partitions": new_topic("none", 0),
        "negative partitions": new_topic("negative", -2),
        "no replicas": new_topic("no-replica", 1, 0),
        "two replicas": new_topic("replicas", 1, 2),
        "bad name": new_topic("bad name!"),
        "empty name": new_topic(""),
        "dot": new_topic("."),
        "two dots": new_topic(".."),
        "long name": new_topic("n" * 250),
        "unknown config": new_topic("config-a", configs={"no.such.config": "1"}),
        "invalid config": new_topic("config-b", configs={"retention.ms": "soon"}),
        "invalid policy": new_topic("config-c", configs={"cleanup.policy": "burn"}),
        "config out of range": new_topic("config-d", configs={"segment.bytes": "1"}),
        "null config": new_topic("config-e", configs={"retention.ms": None}),
        "assignment": new_topic("assigned", -1, -1, assignments={0: [1], 1: [1]}),
        "assignment and count": new_topic("assigned-a", 2, 1, assignments={0: [1], 1: [1]}),
        "assignment with a hole": new_topic("assigned-b", -1, -1, assignments={0: [1], 2: [1]}),
        "assignment to nobody": new_topic("assigned-c", -1, -1, assignments={0: []}),
        "assignment to a stranger": new_topic("assigned-d", -1, -1, assignments={0: [77]}),
        "assignment twice to one": new_topic("assigned-e", -1, -1, assignments={0: [1, 1]}),
    }.items():
        for validate in (True, False):
            d.ask(f"create topics, {what}, validate only {validate}", CREATE,
                  lambda version: {"Topics": [dict(topic, Name=d.name(topic["Name"], version))], "timeoutMs": 10000,
                                   "validateOnly": validate})
    d.ask("create topics, exists", CREATE, {"Topics": [new_topic(d.topic)], "timeoutMs": 10000})
    d.ask("create topics, a name twice", CREATE, {"Topics": [new_topic(d.tag + "twice"), new_topic(d.tag + "twice", 2)], "timeoutMs": 10000})
    d.ask("create topics, none", CREATE, {"Topics": [], "timeoutMs": 10000})
    d.ask("create topics, underscore against dot", CREATE,
          lambda version: {"Topics": [new_topic(d.tag + f"a.b{version}"), new_topic(d.tag + f"a_b{version}")], "timeoutMs": 10000})
    d.settle()
    d.ask("metadata", METADATA, {"Topics": [{"Name": d.topic}], "AllowAutoTopicCreation": False})
    d.ask("metadata, unknown topic", METADATA, {"Topics": [{"Name": d.tag + "never"}], "AllowAutoTopicCreation": False},
          versions=range(4, 99))
    d.ask("metadata, bad name", METADATA, {"Topics": [{"Name": "bad name!"}], "AllowAutoTopicCreation": False}, versions=range(4, 99))
    d.ask("metadata, bad name with auto-creation", METADATA, {"Topics": [{"Name": "bad name!"}], "AllowAutoTopicCreation": True},
          versions=range(4, 99))
    d.ask("metadata, no topics", METADATA, {"Topics": []}, versions=range(1, 99))
    d.ask("metadata, operations", METADATA, {"Topics": [{"Name": d.topic}], "IncludeTopicAuthorizedOperations": True},
          versions=range(8, 99))
    d.ask("metadata, a topic twice", METADATA, {"Topics": [{"Name": d.topic}, {"Name": d.topic}]})
    d.ask("metadata, by id", METADATA, lambda _, ids: {"Topics": [{"Name": None, "TopicId": ids[d.topic]}]}, versions=range(12, 99))
    d.ask("metadata, by unknown id", METADATA, {"Topics": [{"Name": None, "TopicId": STRANGE_ID}]}, versions=range(12, 99))
    d.ask("metadata, by id zero", METADATA, {"Topics": [{"Name": None, "TopicId": NO_ID}]}, versions=range(12, 99))
    d.ask("describe topics", DESCRIBE_TOPICS, {"Topics": [{"Name": d.topic}, {"Name": d.tag + "never"}, {"Name": "bad name!"}]})
    d.ask("describe topics, a limit", DESCRIBE_TOPICS,
          {"Topics": [{"Name": d.topic}, {"Name": d.empty}], "ResponsePartitionLimit": 1})
    d.ask("describe topics, a cursor", DESCRIBE_TOPICS,
          {"Topics": [{"Name": d.topic}, {"Name": d.empty}], "ResponsePartitionLimit": 5,
           "Cursor": {"TopicName": d.topic, "PartitionIndex": 1}})
    d.ask("describe topics, a bad cursor", DESCRIBE_TOPICS,
          {"Topics": [{"Name": d.topic}], "Cursor": {"TopicName": d.topic, "PartitionIndex": -1}})

    def grow(count, assignments=None, name=None):
        return {"Topics": [{"Name": name or d.topic, "Count": count, "Assignments": assignments}], "TimeoutMs": 10000, "ValidateOnly": True}
    d.ask("create partitions", PARTITIONS, grow(4))
    d.ask("create partitions, as many", PARTITIONS, grow(2))
    d.ask("create partitions, fewer", PARTITIONS, grow(1))
    d.ask("create partitions, none", PARTITIONS, grow(0))
    d.ask("create partitions, unknown topic", PARTITIONS, grow(3, name=d.tag + "never"))
    d.ask("create partitions, assigned", PARTITIONS, grow(3, [{"BrokerIds": [1]}]))
    d.ask("create partitions, assigned too few", PARTITIONS, grow(4, [{"BrokerIds": [1]}]))
    d.ask("create partitions, assigned to a stranger", PARTITIONS, grow(3, [{"BrokerIds": [77]}]))
    twice = grow(4)
    twice["Topics"] *= 2
    d.ask("create partitions, a topic twice", PARTITIONS, twice)

    d.ask("delete topics, unknown", DELETE, {"TopicNames": [d.tag + "never"], "TimeoutMs": 10000}, versions=range(0, 6))
    d.ask("delete topics, unknown, v6", DELETE, {"Topics": [{"Name": d.tag + "never"}], "TimeoutMs": 10000}, versions=(6,))
    d.ask("delete topics, unknown id", DELETE, {"Topics": [{"Name": None, "TopicId": STRANGE_ID}], "TimeoutMs": 10000}, versions=(6,))
    d.ask("delete topics, neither", DELETE, {"Topics": [{"Name": None, "TopicId": NO_ID}], "TimeoutMs": 10000}, versions=(6,))
    d.ask("delete topics, both", DELETE, lambda _, ids: {"Topics": [{"Name": d.topic, "TopicId": ids[d.topic]}], "TimeoutMs": 10000}, versions=(6,))
    d.ask("delete topics", DELETE, lambda version: {"TopicNames": [d.name("made", version + 1)], "TimeoutMs": 10000}, versions=range(1, 6))
    d.ask("delete topics, a name twice", DELETE,
          {"Topics": [{"Name": d.tag + "never"}, {"Name": d.tag + "never"}], "TimeoutMs": 10000}, versions=(6,))


def produce(d):
    def body(records, partition=0, topic=None, acks=-1, transaction=None):
        def of_version(version, ids):
            name = topic or d.topic
            data = {"PartitionData": [{"Index": partition, "Records": records(version) if callable(records) else records}]}
            data |= {"TopicId": ids.get(name, STRANGE_ID)} if version >= 13 else {"Name": name}
            return {"TransactionalId": transaction, "Acks": acks, "TimeoutMs": 10000, "TopicData": [data]}
        return of_version
    good = batch([b"one", b"two"], TIME)
    d.ask("produce", PRODUCE, body(good))
    d.ask("produce, acks 1", PRODUCE, body(good, acks=1))
    d.ask("produce, acks 2", PRODUCE, body(good, acks=2))
    d.ask("produce, unknown topic", PRODUCE, body(good, topic=d.tag + "never"))
    d.ask("produce, unknown partition", PRODUCE, body(good, partition=9))
    d.ask("produce, negative partition", PRODUCE, body(good, partition=-1))
    d.ask("produce, broken checksum", PRODUCE, body(batch([b"one"], TIME, breaks=True)))
    d.ask("produce, magic 1", PRODUCE, body(batch([b"one"], TIME, magic=1)))
    d.ask("produce, magic 3", PRODUCE, body(batch([b"one"], TIME, magic=3)))
    d.ask("produce, cut off", PRODUCE, body(good[:-3]))
    d.ask("produce, too short for a batch", PRODUCE, body(b"abc"))
    d.ask("produce, no records", PRODUCE, body(b""))
    d.ask("produce, two batches", PRODUCE, body(good + good))
    d.ask("produce, too large", PRODUCE, body(batch([b"x" * 3000]), topic=d.small))
    d.ask("produce, no key in a compacted topic", PRODUCE, body(batch([b"v"], TIME), topic=d.compacted))
    d.ask("produce, a key in a compacted topic", PRODUCE, body(batch([b"v"], TIME, keys=[b"k"]), topic=d.compacted))
    d.ask("produce, from the future", PRODUCE, body(batch([b"v"], time=4_000_000_000_000)))
    d.ask("produce, the broker's time", PRODUCE, body(good, topic=d.stamped))
    d.ask("produce, compressed by an unknown codec", PRODUCE, body(batch([b"v"], TIME, attributes=7)))
    d.ask("produce, a control batch", PRODUCE, body(batch([b"v"], TIME, attributes=0x20, keys=[b"\0\0\0\0"])))
    d.ask("produce, a transaction nobody began", PRODUCE, body(batch([b"v"], TIME, attributes=0x10, producer=(1 << 40, 0, 0)), transaction="t"))

    def of_producer(sequence, epoch=0, number=1 << 40, values=(b"v",)):
        return lambda version: batch(list(values), TIME, producer=(number + version, epoch, sequence))
    d.ask("produce, a producer's first", PRODUCE, body(of_producer(0), topic=d.sequenced))
    d.ask("produce, its first again", PRODUCE, body(of_producer(0), topic=d.sequenced))
    d.ask("produce, its second", PRODUCE, body(of_producer(1, values=(b"v", b"w")), topic=d.sequenced))
    d.ask("produce, a part of its second", PRODUCE, body(of_producer(2), topic=d.sequenced))
    d.ask("produce, a gap", PRODUCE, body(of_producer(9), topic=d.sequenced))
    d.ask("produce, a newer epoch from the middle", PRODUCE, body(of_producer(7, epoch=1), topic=d.sequenced))
    d.ask("produce, a newer epoch", PRODUCE, body(of_producer(0, epoch=2), topic=d.sequenced))
    d.ask("produce, an older epoch", PRODUCE, body(of_producer(3), topic=d.sequenced))
    d.ask("produce, an unknown producer from the middle", PRODUCE, body(of_producer(5, number=1 << 41), topic=d.sequenced))
    d.ask("produce, a producer without an epoch", PRODUCE, body(of_producer(0, epoch=-1, number=1 << 42), topic=d.sequenced))
    d.ask("produce, a producer without a sequence", PRODUCE, body(of_producer(-1, number=1 << 42), topic=d.sequenced))
    d.ask("describe producers", PRODUCERS, {"Topics": [{"Name": d.sequenced, "PartitionIndexes": [0, 5]},
                                                       {"Name": d.tag + "never", "PartitionIndexes": [0]}]})
    d.ask("describe producers, bad name", PRODUCERS, {"Topics": [{"Name": "bad name!", "PartitionIndexes": [0]}]})


def fetch(d):
    def body(offset, partition=0, topic=None, epoch=-1, session=(0, -1), isolation=0, last=-1, size=1 << 20, largest=1 << 20, replica=-1, start=-1):
        def of_version(version, ids):
            name = topic or d.read
            one = {"Partition": partition, "CurrentLeaderEpoch": epoch, "FetchOffset": offset, "LastFetchedEpoch": last,
                   "LogStartOffset": start, "PartitionMaxBytes": size}
            asked = {"Partitions": [one]}
            asked |= {"TopicId": ids.get(name, STRANGE_ID)} if version >= 13 else {"Topic": name}
            return {"ReplicaId": replica, "MaxWaitMs": 0, "MinBytes": 1, "MaxBytes": largest, "IsolationLevel": isolation,
                    "SessionId": session[0], "SessionEpoch": session[1], "Topics": [asked]}
        return of_version
    d.ask("fetch", FETCH, body(0))
    d.ask("fetch, from the middle", FETCH, body(3))
    d.ask("fetch, from a batch's second record", FETCH, body(5))
    d.ask("fetch, at the end", FETCH, body(20))
    d.ask("fetch, behind the end", FETCH, body(21))
    d.ask("fetch, before the start", FETCH, body(1, topic=d.trimmed))
    d.ask("fetch, negative offset", FETCH, body(-1))
    d.ask("fetch, read committed", FETCH, body(0, isolation=1))
    d.ask("fetch, unknown isolation", FETCH, body(0, isolation=5))
    d.ask("fetch, unknown topic", FETCH, body(0, topic=d.tag + "never"))
    d.ask("fetch, unknown partition", FETCH, body(0, partition=7))
    d.ask("fetch, empty partition", FETCH, body(0, topic=d.empty))
    d.ask("fetch, newer epoch", FETCH, body(0, epoch=5), versions=range(9, 99))
    d.ask("fetch, its epoch", FETCH, body(0, epoch=0), versions=range(9, 99))
    d.ask("fetch, one byte", FETCH, body(0, size=1))
    d.ask("fetch, no bytes", FETCH, body(0, size=0))
    d.ask("fetch, one byte in all", FETCH, body(0, largest=1))
    d.ask("fetch, no bytes in all", FETCH, body(0, largest=0))
    d.ask("fetch, unknown session", FETCH, body(0, session=(12345, 1)), versions=range(7, 99))
    d.ask("fetch, session that is not begun", FETCH, body(0, session=(0, 3)), versions=range(7, 99))
    d.ask("fetch, last epoch", FETCH, body(3, last=0), versions=range(12, 99))
    d.ask("fetch, last epoch that never was", FETCH, body(3, last=4), versions=range(12, 99))
    nothing = {"ReplicaId": -1, "MaxWaitMs": 0, "MinBytes": 0, "Topics": []}
    d.ask("fetch, nothing", FETCH, lambda version: {key: value for key, value in nothing.items() if version < 15 or key != "ReplicaId"})

    def times(time, partition=0, topic=None, epoch=-1, replica=-1, isolation=0, twice=False):
        one = {"PartitionIndex": partition, "CurrentLeaderEpoch": epoch, "Timestamp": time}
        return {"ReplicaId": replica, "IsolationLevel": isolation,
                "Topics": [{"Name": topic or d.read, "Partitions": [one, one] if twice else [one]}]}
    for what, time in {"latest": -1, "earliest": -2, "newest time": -3, "earliest local": -4, "latest tiered": -5,
                       "earliest pending upload": -6, "nonsense": -9, "a time": TIME + 1, "an old time": 5,
                       "the last time": TIME + 1000, "a time to come": TIME + 10 ** 9}.items():
        d.ask(f"list offsets, {what}", LIST_OFFSETS, times(time))
        d.ask(f"list offsets, {what}, empty partition", LIST_OFFSETS, times(time, topic=d.empty))
        d.ask(f"list offsets, {what}, trimmed partition", LIST_OFFSETS, times(time, topic=d.trimmed))
    d.ask("list offsets, read committed", LIST_OFFSETS, times(-1, isolation=1))
    d.ask("list offsets, unknown topic", LIST_OFFSETS, times(-1, topic=d.tag + "never"))
    d.ask("list offsets, unknown partition", LIST_OFFSETS, times(-1, partition=8))
    d.ask("list offsets, newer epoch", LIST_OFFSETS, times(-1, epoch=6), versions=range(4, 99))
    d.ask("list offsets, a partition twice", LIST_OFFSETS, times(-1, twice=True))

    def epochs(epoch, current=-1, partition=0, topic=None):
        return {"ReplicaId": -1, "Topics": [{"Topic": topic or d.read, "Partitions": [
            {"Partition": partition, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch}]}]}
    d.ask("leader epochs", EPOCHS, epochs(0))
    d.ask("leader epochs, a newer one", EPOCHS, epochs(7))
    d.ask("leader epochs, none", EPOCHS, epochs(-1))
    d.ask("leader epochs, empty partition", EPOCHS, epochs(0, topic=d.empty))
    d.ask("leader epochs, of a leader to come", EPOCHS, epochs(0, current=3))
    d.ask("leader epochs, unknown topic", EPOCHS, epochs(0, topic=d.tag + "never"))
    d.ask("leader epochs, unknown partition", EPOCHS, epochs(0, partition=8))

    def trim(offset, partition=0, topic=None):
        return {"Topics": [{"Name": topic or d.trimmed, "Partitions": [{"PartitionIndex": partition, "Offset": offset}]}], "TimeoutMs": 10000}
    d.ask("delete records, as before", DELETE_RECORDS, trim(4))
    d.ask("delete records, before the start", DELETE_RECORDS, trim(1))
    d.ask("delete records, behind the end", DELETE_RECORDS, trim(1000))
    d.ask("delete records, negative", DELETE_RECORDS, trim(-5))
    d.ask("delete records, unknown topic", DELETE_RECORDS, trim(1, topic=d.tag + "never"))
    d.ask("delete records, unknown partition", DELETE_RECORDS, trim(1, partition=9))
    d.ask("delete records, compacted topic", DELETE_RECORDS, trim(1, topic=d.compacted))


def sessions(d):
    """A fetch session from its beginning to its end: each side has its own number for it."""
    def body(offset, session, epoch, forget=False, topics=True):
        def of_version(version, ids):
            who = {"TopicId": ids[d.read]} if version >= 13 else {"Topic": d.read}
            one = {"Partition": 0, "FetchOffset": offset, "PartitionMaxBytes": 1 << 20}
            asked = {"MaxWaitMs": 0, "MinBytes": 0, "SessionId": session, "SessionEpoch": epoch,
                     "Topics": [dict(who, Partitions=[one])] if topics else []}
            if forget:
                asked["ForgottenTopicsData"] = [dict(who, Partitions=[0])]
            return asked
        return of_version
    for version in range(7, 19):
        begun = d.ask("fetch session, begun", FETCH, body(0, 0, 0), versions=(version,))
        if begun is None or any(one is None for one in begun):
            continue
        numbers = [one["SessionId"] for one in begun]
        d.ask("fetch session, nothing new", FETCH, (body(20, numbers[0], 1), body(20, numbers[1], 1)), versions=(version,))
        d.ask("fetch session, as it was", FETCH, (body(0, numbers[0], 2, topics=False), body(0, numbers[1], 2, topics=False)), versions=(version,))
        d.ask("fetch session, back", FETCH, (body(3, numbers[0], 3), body(3, numbers[1], 3)), versions=(version,))
        d.ask("fetch session, wrong epoch", FETCH, (body(3, numbers[0], 9), body(3, numbers[1], 9)), versions=(version,))
        d.ask("fetch session, forgotten", FETCH,
              (body(0, numbers[0], 4, True, False), body(0, numbers[1], 4, True, False)), versions=(version,))
        d.ask("fetch session, ended", FETCH, (body(3, numbers[0], -1), body(3, numbers[1], -1)), versions=(version,))
        d.ask("fetch session, gone", FETCH, (body(3, numbers[0], 5), body(3, numbers[1], 5)), versions=(version,))
