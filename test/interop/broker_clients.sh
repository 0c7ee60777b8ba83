#!/usr/bin/env bash
# Clients from Debian's packages against the broker example: kcat (librdkafka) and python3-kafka.
#
#   test/interop/broker_clients.sh BROKER        BROKER: the example's program
#
# Exit code 77, which CTest counts as skipped, where kcat is missing; python3-kafka is left out where it is. What goes in must come
# out, line for line, with each codec, in a group, and after a restart; headers, times, large records, a rebalance (kafka_python_client.py;
# snappy and lz4 there want python3-snappy and python3-lz4). Negative control: a line that was never sent is missed.
set -euo pipefail
program=$(realpath "${1:?usage: test/interop/broker_clients.sh BROKER}")
command -v kcat >/dev/null || { echo "skipped: kcat is not installed"; exit 77; }
work=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || { kill -TERM "$pid" 2>/dev/null && wait "$pid" || true; }
  rm -rf "$work"
}
trap finish EXIT

start() {
  mkfifo "$work/out"
  "$program" --directory "$work/data" >"$work/out" 2>"$work/err" &
  pid=$!
  # Open until the broker has said its last word.
  exec 3<"$work/out"
  rm "$work/out"
  read -r bootstrap <&3 || { cat "$work/err"; exit 1; }
}
stop() {
  kill -TERM "$pid"
  wait "$pid" || { echo "the broker did not end well: $(cat "$work/err")"; exit 1; }
  pid=
  exec 3<&-
}
expect() { # WHAT FILE: it holds what was sent
  cmp -s "$work/in" "$2" || { echo "$1: $(wc -l <"$2") of $(wc -l <"$work/in") lines came, or others"; exit 1; }
  echo "$1: fine"
}
consume() { timeout 60 kcat -b "$bootstrap" -C -e -q -K: "$@" 2>"$work/kcat.err" || { cat "$work/kcat.err"; exit 1; }; }

for ((i = 1; i <= 20000; ++i)); do echo "key $((i % 100)):value number $i"; done >"$work/in"
start
for codec in none gzip snappy lz4 zstd; do
  timeout 60 kcat -b "$bootstrap" -P -t "codec-$codec" -z "$codec" -K: -l "$work/in"
  consume -t "codec-$codec" >"$work/got"
  expect "kcat, $codec" "$work/got"
done
timeout 60 kcat -b "$bootstrap" -P -t idempotent -X enable.idempotence=true -K: -l "$work/in"
timeout 60 kcat -b "$bootstrap" -G group -X auto.offset.reset=earliest -e -q -K: idempotent >"$work/got" 2>"$work/kcat.err"
expect "kcat, idempotent producer, group" "$work/got"

# Headers and times come back as they went in.
printf 'with headers\n' | timeout 60 kcat -b "$bootstrap" -P -t headers -H name=value -H empty= -H name=again
timeout 60 kcat -b "$bootstrap" -C -t headers -e -q -f '%h|%s' >"$work/got"
[ "$(cat "$work/got")" = "name=value,empty=,name=again|with headers" ] || { echo "kcat, headers: $(cat "$work/got")"; exit 1; }
echo "kcat, headers: fine"
before=$(date +%s%3N)
printf 'one\n' | timeout 60 kcat -b "$bootstrap" -P -t times
middle=$(($(date +%s%3N) + 1))
until [ "$(date +%s%3N)" -gt "$middle" ]; do :; done
printf 'two\n' | timeout 60 kcat -b "$bootstrap" -P -t times
timeout 60 kcat -b "$bootstrap" -C -t times -o "s@$middle" -e -q -f '%T %o %s\n' >"$work/got"
read -r time offset value <"$work/got"
[ "$(wc -l <"$work/got") $offset $value" = "1 1 two" ] && [ "$time" -ge "$middle" ] || { echo "kcat, from a time on: $(cat "$work/got")"; exit 1; }
asked() { timeout 60 kcat -b "$bootstrap" -Q -t "times:0:$1" | sed 's/.* offset //'; }
# librdkafka says OFFSET_END for a time behind all records.
times="$(asked "$before") $(asked "$middle") $(asked $((time + 1000000)))"
[ "$times" = "0 1 -1" ] || { echo "kcat, offsets of times: $times"; exit 1; }
echo "kcat, times: fine"

# The same group again, behind a restart: it has read everything.
stop
start
consume -t idempotent >"$work/got"
expect "kcat, behind a restart" "$work/got"
timeout 60 kcat -b "$bootstrap" -G group -X auto.offset.reset=earliest -e -q -K: idempotent >"$work/got" 2>"$work/kcat.err"
[ ! -s "$work/got" ] || { echo "the group has forgotten how far it was"; exit 1; }
echo "kcat, the group's offsets behind a restart: fine"

# Debian's own Python has Debian's modules.
python=/usr/bin/python3
if "$python" -c 'import kafka' 2>/dev/null; then
  timeout 120 "$python" - "$bootstrap" "$work/in" "$work/got" <<'PYTHON'
import sys
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

bootstrap, source, target = sys.argv[1:]
producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
with open(source, "rb") as lines:
    for line in lines:
        key, value = line.rstrip(b"\n").split(b":", 1)
        producer.send("python", value, key=key, partition=0)
producer.flush()
consumer = KafkaConsumer("python", bootstrap_servers=bootstrap, group_id="python", auto_offset_reset="earliest",
                         consumer_timeout_ms=20000)
end = consumer.end_offsets([TopicPartition("python", 0)])[TopicPartition("python", 0)]
with open(target, "wb") as got:
    for message in consumer:
        got.write(message.key + b":" + message.value + b"\n")
        if message.offset + 1 == end:
            break
consumer.close()
PYTHON
  expect "kafka-python, group" "$work/got"
  timeout 120 "$python" - "$bootstrap" <<'PYTHON'
import sys
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError

admin = KafkaAdminClient(bootstrap_servers=sys.argv[1])
topic = NewTopic("made", num_partitions=2, replication_factor=1, topic_configs={"retention.ms": "60000"})
admin.create_topics([topic], validate_only=True)
assert "made" not in admin.list_topics()
admin.create_topics([topic])
assert "made" in admin.list_topics()
try:
    admin.create_topics([topic])
    raise SystemExit("a topic was made twice")
except TopicAlreadyExistsError:
    pass
admin.create_partitions({"made": NewPartitions(3)})
described = admin.describe_topics(["made"])
assert len(described[0]["partitions"]) == 3, described
groups = admin.list_consumer_groups()
assert ("python", "consumer") in groups, groups
assert [group.state for group in admin.describe_consumer_groups(["python"])] == ["Empty"]
assert admin.list_consumer_group_offsets("python")
assert [code.__name__ for _, code in admin.delete_consumer_groups(["python"])] == ["NoError"]
assert ("python", "consumer") not in admin.list_consumer_groups()
admin.create_topics([NewTopic("short-lived", num_partitions=1, replication_factor=1)])
admin.delete_topics(["short-lived"])
assert "short-lived" not in admin.list_topics()
try:
    admin.delete_topics(["short-lived"])
    raise SystemExit("a topic was deleted twice")
except UnknownTopicOrPartitionError:
    pass
admin.close()
PYTHON
  echo "kafka-python, admin client: fine"
  timeout 200 "$python" -u "$(dirname "$(realpath "$0")")/kafka_python_client.py" "$bootstrap" | sed 's/^/kafka-python, /'
  timeout 60 kcat -b "$bootstrap" -L >"$work/topics"
  grep -q 'topic "made" with 3 partitions' "$work/topics" || { echo "kcat does not list the topic"; exit 1; }
  ! grep -q short-lived "$work/topics" || { echo "kcat lists a topic that was deleted"; exit 1; }
  echo "kcat, the topics that were made: fine"
else
  echo "kafka-python is not installed: left out"
fi

echo "never sent" >>"$work/in"
! cmp -s "$work/in" "$work/got" || { echo "negative control: a missing line was not noticed"; exit 1; }
stop
