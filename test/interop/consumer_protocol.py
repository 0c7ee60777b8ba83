#!/usr/bin/env python3
"""Groups of the consumer protocol (KIP-848), as librdkafka speaks it, against the broker example.

  test/interop/consumer_protocol.py BROKER        BROKER: the example's program

Needs confluent-kafka with a librdkafka of 2.12 or later; exit code 77, which CTest counts as skipped, without. Members
join, share, leave; a group goes to the consumer protocol and back while classic and new members are in it; a regular
expression subscribes. What is committed is there all along.
"""
import subprocess
import sys
import time

try:
    from confluent_kafka import Consumer, Producer, TopicPartition, libversion
except ImportError:
    sys.exit(77)
if libversion()[1] < 0x020C0000:
    sys.exit(77)

TOPICS = ["ta", "tb", "tc", "td"]
RECORDS = 400


def consumer(bootstrap, protocol, topics):
    config = {"bootstrap.servers": bootstrap, "group.id": "g", "group.protocol": protocol,
              "auto.offset.reset": "earliest", "enable.auto.commit": False}
    if protocol == "classic":
        config |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
                   "partition.assignment.strategy": "cooperative-sticky"}
    made = Consumer(config)
    made.subscribe(topics)
    return made


def owned(one):
    return sorted(p.topic for p in one.assignment())


def until(what, members, done, seconds=60):
    """Polls them until done() or too late; nobody may own what another owns. Returns what was read."""
    read = 0
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            sys.exit(f"{what}: not after {seconds} s: {[owned(m) for m in members]}, {read} read")
        for member in members:
            message = member.poll(0.05)
            if message is None:
                continue
            if message.error():
                sys.exit(f"{what}: {message.error()}")
            read += 1
        everything = [topic for member in members for topic in owned(member)]
        if len(everything) != len(set(everything)):
            sys.exit(f"{what}: owned twice: {[owned(m) for m in members]}")
    print(f"{what}: fine")
    return read


def shared(*members):
    """All is owned, and each has its even share."""
    return lambda: (sorted(t for m in members for t in owned(m)) == TOPICS
                    and all(len(owned(m)) == len(TOPICS) // len(members) for m in members))


def check(bootstrap):
    producer = Producer({"bootstrap.servers": bootstrap})
    for i in range(RECORDS):
        producer.produce(TOPICS[i % len(TOPICS)], str(i).encode())
    assert producer.flush(30) == 0
    first = consumer(bootstrap, "consumer", TOPICS)

    def at_end():
        return owned(first) == TOPICS and all(
            p.offset == RECORDS // len(TOPICS) for p in first.position(first.assignment()))
    read = until("one member", [first], at_end)
    assert read == RECORDS, f"{read} of {RECORDS} read"
    first.commit(asynchronous=False)
    second = consumer(bootstrap, "consumer", TOPICS)
    until("two members", [first, second], shared(first, second))
    second.close()
    until("one left", [first], shared(first))
    classic = consumer(bootstrap, "classic", TOPICS)
    until("a classic member joins", [first, classic], shared(first, classic))
    first.close()
    until("the group is classic", [classic], shared(classic))
    third = consumer(bootstrap, "consumer", TOPICS)
    until("the group is of the consumer protocol again", [classic, third], shared(classic, third))
    classic.close()
    third.close()
    by_pattern = consumer(bootstrap, "consumer", ["^t[abcd]$"])
    until("a regular expression", [by_pattern], shared(by_pattern))
    committed = by_pattern.committed([TopicPartition(t, 0) for t in TOPICS], timeout=10)
    assert all(p.offset == RECORDS // len(TOPICS) for p in committed), f"committed: {committed}"
    by_pattern.close()
    print("committed offsets: fine")


broker = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
try:
    check(broker.stdout.readline().strip())
finally:
    broker.terminate()
    broker.wait(30)
