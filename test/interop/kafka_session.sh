#!/usr/bin/env bash
# Kafka's own guide as written, with the installed tools: format, start, create, list, describe, produce, consume, python3-kafka.
#
#   test/interop/kafka_session.sh BUILD [PORT]      BUILD: a built tree with the examples
#
# Without PORT it runs on a free one, through an edited copy of the shipped server.properties; PORT 9092 is the session as written.
# Exit code 77, which CTest counts as skipped, where the broker cannot create topics on the wire; python3-kafka is left out where it
# is not installed. Negative control: a topic that was never made is not described.
set -euo pipefail
build=$(realpath "${1:?usage: test/interop/kafka_session.sh BUILD [PORT]}")
port=${2:-$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}
work=$(mktemp -d)
prefix="$work/prefix"
pids=()
finish() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null && wait "$pid" || true; done
  rm -rf "$work"
}
trap finish EXIT
fail() { echo "kafka session: $*" >&2; [ ! -s "$work/server.err" ] || cat "$work/server.err" >&2; exit 1; }
expect() { [ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"; echo "$1: fine"; } # WHAT, GOT, WANTED

for component in tools runtime; do cmake --install "$build" --prefix "$prefix" --component $component >"$work/install.log"; done
cd "$prefix"
[ -f config/kraft/server.properties ] || fail "no server.properties is installed"
sed -i -e "s#localhost:9092#localhost:$port#" -e "s#^log.dirs=.*#log.dirs=$work/data#" config/kraft/server.properties
for name in bin/kafka-*.sh; do "$name" --help >/dev/null || fail "$name --help"; done

uuid=$(bin/kafka-storage.sh random-uuid)
bin/kafka-storage.sh format -t "$uuid" -c config/kraft/server.properties >/dev/null
mkfifo "$work/out"
bin/kafka-server-start.sh config/kraft/server.properties >"$work/out" 2>"$work/server.err" &
server=$!
pids+=("$server")
exec 3<"$work/out"
read -r -t 60 line <&3 || fail "the server did not start"
expect "started" "$line" "Kafka Server started: localhost:$port"
if bin/kafka-broker-api-versions.sh --bootstrap-server "localhost:$port" | grep -q 'CreateTopics(19): UNSUPPORTED'; then
  echo "skipped: the broker does not create topics on the wire"
  exit 77
fi

expect "create" "$(bin/kafka-topics.sh --create --topic mytopic --bootstrap-server "localhost:$port" --partitions 1 --replication-factor 1)" \
  "Created topic mytopic."
expect "list" "$(bin/kafka-topics.sh --list --bootstrap-server "localhost:$port")" "mytopic"
bin/kafka-topics.sh --describe --topic mytopic --bootstrap-server "localhost:$port" >"$work/described"
grep -qP '^Topic: mytopic\tTopicId: [A-Za-z0-9_-]{22}\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: ' "$work/described" ||
  fail "describe: $(cat "$work/described")"
grep -qP '^\tTopic: mytopic\tPartition: 0\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: (N/A)?\tLastKnownElr: (N/A)?$' "$work/described" ||
  fail "describe: $(cat "$work/described")"
echo "describe: fine"
! bin/kafka-topics.sh --describe --topic never --bootstrap-server "localhost:$port" >"$work/none" 2>&1 ||
  fail "negative control: a topic that was never made is described"

printf 'first\nsecond\n' | bin/kafka-console-producer.sh --topic mytopic --bootstrap-server "localhost:$port"
# It reads on until it is interrupted.
mkfifo "$work/read"
bin/kafka-console-consumer.sh --topic mytopic --from-beginning --bootstrap-server "localhost:$port" >"$work/read" 2>"$work/consumer.err" &
consumer=$!
pids+=("$consumer")
exec 4<"$work/read"
read -r -t 60 one <&4 || fail "the consumer printed nothing: $(cat "$work/consumer.err")"
read -r -t 60 two <&4 || fail "the consumer printed one line"
expect "consume" "$one $two" "first second"
kill -INT "$consumer"
code=0
wait "$consumer" || code=$?
expect "interrupted consumer" "$code $(cat "$work/consumer.err")" "130 Processed a total of 2 messages"

# Debian's own Python has Debian's modules.
if /usr/bin/python3 -c 'import kafka' 2>/dev/null; then
  mkfifo "$work/python"
  /usr/bin/python3 -u - >"$work/python" 2>"$work/python.err" <<PYTHON &
from kafka import KafkaProducer, KafkaConsumer
producer = KafkaProducer(bootstrap_servers='localhost:$port')
producer.send('mytopic', b'Hello, Kafka!')
producer.flush()
consumer = KafkaConsumer('mytopic', bootstrap_servers='localhost:$port', auto_offset_reset='earliest')
for message in consumer:
    print(message.value.decode('utf-8'))
PYTHON
  python=$!
  pids+=("$python")
  exec 5<"$work/python"
  got=
  for _ in 1 2 3; do
    read -r -t 60 line <&5 || fail "python3-kafka: $(cat "$work/python.err")"
    got="$got$line;"
  done
  expect "python3-kafka" "$got" "first;second;Hello, Kafka!;"
else
  echo "python3-kafka is not installed: left out"
fi

kill -TERM "$server"
code=0
wait "$server" || code=$?
expect "stopped server" "$code" "0"
