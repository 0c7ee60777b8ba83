"""What confluent-kafka does with a broker: confluent_kafka_client.py BOOTSTRAP."""

import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

BOOTSTRAP = sys.argv[1]
passed = 0


def check(what, holds, seen=""):
    global passed
    if not holds:
        raise SystemExit(f"failed: {what} {seen!r}")
    passed += 1


def refused(what, futures, code):
    for future in futures.values():
        try:
            future.result()
        except KafkaException as error:
            check(what, error.args[0].code() == code, error)
        else:
            check(what, False)


def until(what, holds, work):
    end = time.monotonic() + 60
    while not holds():
        check(what, time.monotonic() < end, "not within a minute")
        work()


def new_consumer(group, **more):
    settings = {"bootstrap.servers": BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": 20_000_000, "receive.message.max.bytes": 100_000_000}
    return Consumer({**settings, **more})


def administer():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    for future in admin.create_topics([NewTopic("made", 2, 1, config={"retention.ms": "60000"})]).values():
        future.result()
    refused("a topic is not made twice", admin.create_topics([NewTopic("made", 1, 1)]), KafkaError.TOPIC_ALREADY_EXISTS)
    refused("a bad name is refused", admin.create_topics([NewTopic("a/b", 1, 1)]), KafkaError.TOPIC_EXCEPTION)
    refused("so is a bad config", admin.create_topics([NewTopic("bad", 1, 1, config={"no.such": "1"})]),
            KafkaError.INVALID_CONFIG)
    for future in admin.create_partitions([NewPartitions("made", 3)]).values():
        future.result()
    check("it has grown", len(admin.list_topics("made").topics["made"].partitions) == 3)
    resource = ConfigResource(ConfigResource.Type.TOPIC, "made")
    told = list(admin.describe_configs([resource]).values())[0].result()
    check("its config is told", told["retention.ms"].value == "60000", told["retention.ms"])
    resource.set_config("retention.ms", "70000")
    list(admin.alter_configs([resource]).values())[0].result()
    told = list(admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, "made")]).values())[0].result()
    check("and altered", told["retention.ms"].value == "70000", told["retention.ms"])
    for name, config in {"codecs": {}, "large": {"max.message.bytes": "10000000"}, "shared": {}}.items():
        partitions = 4 if name == "shared" else 1
        list(admin.create_topics([NewTopic(name, partitions, 1, config=config)]).values())[0].result()
    return admin


def send(topic, records, **settings):
    told = []
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "message.max.bytes": 10_000_000, "linger.ms": 5, **settings})
    for record in records:
        producer.produce(topic, on_delivery=lambda error, message: told.append((error, message.offset())), **record)
    check("everything is answered", producer.flush(60) == 0)
    check("and nothing failed", all(error is None for error, _ in told), told[:3])
    return [offset for _, offset in told]


def read(group, topic, count, **settings):
    consumer = new_consumer(group, **settings)
    consumer.subscribe([topic])
    got = []

    def take():
        message = consumer.poll(0.2)
        if message is not None:
            check("no error", message.error() is None, message.error())
            got.append(message)

    until(f"all of {topic} come", lambda: len(got) >= count, take)
    consumer.close()
    return got


def codecs():
    # Of an hour ago: older than their retention they would be deleted.
    begin = int(time.time() * 1000) - 3_600_000
    wanted = []
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        records = [{"key": f"key {i % 7}", "value": f"{codec} {i}" * 5, "timestamp": begin + len(wanted) + i, "partition": 0,
                    "headers": [("number", str(i).encode()), ("twice", b"a"), ("twice", b"b"), ("null", None)]}
                   for i in range(100)]
        offsets = send("codecs", records, **{"compression.type": codec, "acks": "all", "enable.idempotence": codec == "lz4"})
        check("offsets follow on", offsets == list(range(len(wanted), len(wanted) + 100)), offsets)
        wanted += records
    got = read("codecs", "codecs", len(wanted))
    for i, (sent, came) in enumerate(zip(wanted, got)):
        same = (came.offset() == i and came.key() == sent["key"].encode() and came.value() == sent["value"].encode() and
                came.timestamp()[1] == sent["timestamp"] and came.headers() == sent["headers"])
        check("what came is what was sent", same, (came.key(), came.value(), came.timestamp(), came.headers()))
    consumer = new_consumer("times")
    at = consumer.offsets_for_times([TopicPartition("codecs", 0, begin + 250)])
    check("an offset by time", at[0].offset == 250, at)
    check("the ends are told", consumer.get_watermark_offsets(TopicPartition("codecs", 0)) == (0, 500))
    consumer.close()


def large():
    records = [{"value": b"x" * 5_000_000 + str(i).encode()} for i in range(3)]
    send("large", records, **{"enable.idempotence": True})
    got = read("large", "large", 3)
    check("large records come whole", [len(one.value()) for one in got] == [5_000_001] * 3)
    failed = []
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "message.max.bytes": 10_000_000})
    producer.produce("made", b"x" * 5_000_000, on_delivery=lambda error, _: failed.append(error))
    producer.flush(60)
    check("a record over max.message.bytes is refused", failed[0].code() == KafkaError.MSG_SIZE_TOO_LARGE, failed)


def group(strategy):
    topic, name = "shared", f"pair-{strategy}"
    got, members = [], []
    for _ in range(2):
        settings = {"partition.assignment.strategy": strategy, "session.timeout.ms": 6000, "heartbeat.interval.ms": 100,
                    "auto.commit.interval.ms": 100}
        members.append(new_consumer(name, **settings))
        members[-1].subscribe([topic])

    def work():
        for member in members:
            message = member.poll(0.05)
            if message is not None and message.error() is None:
                got.append(message.value())

    until("each has two partitions", lambda: [len(one.assignment()) for one in members] == [2, 2], work)
    wanted = [f"{strategy} {i}".encode() for i in range(40)]
    send(topic, [{"value": value, "partition": i % 4} for i, value in enumerate(wanted[:20])])
    until("both read", lambda: set(wanted[:20]) <= set(got), work)
    members.pop().close()
    until("who stays has them all", lambda: len(members[0].assignment()) == 4, work)
    send(topic, [{"value": value, "partition": i % 4} for i, value in enumerate(wanted[20:])])
    until("and reads on", lambda: set(wanted) <= set(got), work)
    mine = [value for value in got if value in wanted]
    check("each record came once", len(mine) == len(set(mine)) == 40, len(mine))
    members[0].commit(asynchronous=False)
    places = members[0].committed([TopicPartition(topic, i) for i in range(4)], timeout=10)
    ends = [members[0].get_watermark_offsets(place)[1] for place in places]
    check("offsets are committed", [place.offset for place in places] == ends, places)
    members[0].close()
    # Negative control: what was never sent is missed.
    check("negative control", not set(wanted + [b"never sent"]) <= set(got))


admin = administer()
codecs()
large()
group("range")
group("cooperative-sticky")
check("groups are listed", {"codecs", "pair-range"} <= {one.id for one in admin.list_groups(timeout=10)})
list(admin.delete_topics(["made"]).values())[0].result()
refused("a topic is not deleted twice", admin.delete_topics(["made"]), KafkaError.UNKNOWN_TOPIC_OR_PART)
print(f"confluent-kafka: {passed} checks passed")
