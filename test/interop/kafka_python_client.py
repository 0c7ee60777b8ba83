"""kafka-python against a broker: codecs both ways, headers, times, large records, a rebalance of two members.

    kafka_python_client.py BOOTSTRAP

A line for each thing that was looked at; the first one that is wrong ends it. snappy and lz4 need modules of their own.
"""

import sys
import threading
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

bootstrap = sys.argv[1]
LARGE = 5_000_000
WITHIN_S = 60


def topic(admin, name, partitions=1, **configs):
    configs = {key.replace("_", "."): str(value) for key, value in configs.items()}
    admin.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1, topic_configs=configs)])
    return name


def read(name, count, **options):
    """The first `count` records of partition 0."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, **options)
    partition = TopicPartition(name, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    records, end = [], time.monotonic() + WITHIN_S
    while len(records) < count and time.monotonic() < end:
        for batch in consumer.poll(timeout_ms=1000).values():
            records += batch
    consumer.close()
    assert len(records) == count, f"{name}: {len(records)} of {count} records came"
    return records


def codecs(admin):
    for codec in (None, "gzip", "snappy", "lz4"):
        name = topic(admin, f"python-{codec}")
        try:
            producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, linger_ms=20)
        except AssertionError as missing:  # the module of a codec is not installed
            print(f"{codec}: left out ({missing})")
            continue
        values = [b"value %d" % i * 10 for i in range(2000)]
        for value in values:
            producer.send(name, value, partition=0)
        producer.close()
        assert [record.value for record in read(name, len(values))] == values, codec
        print(f"{codec}: fine")


def headers_and_times(admin):
    name = topic(admin, "python-headers")
    now = int(time.time() * 1000) - 3_600_000
    headers = [("name", b"value"), ("empty", b""), ("name", b"again")]
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for i in range(10):
        producer.send(name, b"%d" % i, headers=headers, timestamp_ms=now + 1000 * i)
    producer.close()
    records = read(name, 10)
    assert all(record.headers == headers for record in records), records[0].headers
    assert [record.timestamp for record in records] == [now + 1000 * i for i in range(10)]
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    partition = TopicPartition(name, 0)
    found = consumer.offsets_for_times({partition: now + 4500})[partition]
    assert (found.offset, found.timestamp) == (5, now + 5000), found
    assert consumer.offsets_for_times({partition: now + 10_000})[partition] is None
    consumer.close()
    print("headers and times: fine")


def large_records(admin):
    name = topic(admin, "python-large", max_message_bytes=LARGE + 1000)
    producer = KafkaProducer(bootstrap_servers=bootstrap, max_request_size=LARGE + 1000, buffer_memory=2 * LARGE)
    value = bytes(range(256)) * (LARGE // 256)
    producer.send(name, value).get(timeout=WITHIN_S)
    small = topic(admin, "python-small")
    refused = None
    try:
        producer.send(small, value).get(timeout=WITHIN_S)
    except Exception as error:  # pylint: disable=broad-except
        refused = type(error).__name__
    assert refused == "MessageSizeTooLargeError", refused
    producer.close()
    (record,) = read(name, 1, max_partition_fetch_bytes=2 * LARGE)
    assert record.value == value
    print("large records: fine")


class Member(threading.Thread):
    """Polls on a thread of its own: joining blocks until the others have joined, too."""

    def __init__(self, name, got):
        super().__init__(daemon=True)
        self.consumer = KafkaConsumer(name, bootstrap_servers=bootstrap, group_id="python-pair",
                                      auto_offset_reset="earliest", session_timeout_ms=6000, heartbeat_interval_ms=500)
        self.got = got
        self.assigned = set()
        self.leaving = False
        self.start()

    def run(self):
        while not self.leaving:
            for batch in self.consumer.poll(timeout_ms=100).values():
                self.got.extend(record.value for record in batch)
            self.assigned = self.consumer.assignment()
        self.consumer.close()

    def leave(self):
        self.leaving = True
        self.join(WITHIN_S)


def until(what, done):
    end = time.monotonic() + WITHIN_S
    while not done():
        assert time.monotonic() < end, f"{what}: not within {WITHIN_S} s"
        time.sleep(0.02)


def rebalance(admin):
    name = topic(admin, "python-shared", partitions=4)
    got = []
    first = Member(name, got)
    until("all partitions are the first one's", lambda: len(first.assigned) == 4)
    second = Member(name, got)
    until("both have their share", lambda: len(first.assigned) == 2 and len(second.assigned) == 2)
    assert not first.assigned & second.assigned
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    values = [b"%d" % i for i in range(400)]
    for i, value in enumerate(values[:200]):
        producer.send(name, value, partition=i % 4)
    producer.flush()
    until("the records of both", lambda: len(got) >= 200)
    first.leave()
    until("all partitions are the second one's", lambda: len(second.assigned) == 4)
    for i, value in enumerate(values[200:]):
        producer.send(name, value, partition=i % 4)
    producer.close()
    until("the records of one", lambda: len(got) >= 400)
    second.leave()
    assert sorted(got) == sorted(values), "records are missing or doubled"
    print("a rebalance of two members: fine")


def main():
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    for part in (codecs, headers_and_times, large_records, rebalance):
        part(admin)
    admin.close()


main()
