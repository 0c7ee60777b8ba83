#!/usr/bin/env bash
# The same requests to Apache Kafka and to the broker example, their answers compared field by field: see differential.py.
#
#   test/interop/differential.sh BROKER [OPTION...]      BROKER: the example's program; options of differential.py
#
# KAFKA_VERSION: another version than the newest of those that the broker advertises. Kafka's jars come from Maven's repositories
# (kafka_jars.sh); it runs as a single node in a directory of its own. Exit code 77, which CTest counts as skipped, without them.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/kafka_jars.sh"
program=$(realpath "${1:?usage: test/interop/differential.sh BROKER [OPTION...]}")
shift
command -v java >/dev/null || { echo "skipped: java is not installed"; exit 77; }
jars=$(kafka_jars "${KAFKA_VERSION:-4.3.1}") || { echo "skipped: Kafka's jars cannot be had"; exit 77; }
work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null && wait "$pid" || true; done
  rm -rf "$work"
}
trap finish EXIT

read -r kafka_port controller_port < <(/usr/bin/python3 -c '
import socket
two = [socket.socket(), socket.socket()]
for one in two: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in two))')
cat >"$work/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:$controller_port
listeners=PLAINTEXT://localhost:$kafka_port,CONTROLLER://localhost:$controller_port
controller.listener.names=CONTROLLER
log.dirs=$work/kafka
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.consumer.assignment.interval.ms=0
PROPERTIES
kafka_java "$jars" kafka.tools.StorageTool format -t "$(kafka_java "$jars" kafka.tools.StorageTool random-uuid 2>/dev/null)" \
  -c "$work/server.properties" >"$work/format" 2>&1 || { cat "$work/format"; exit 1; }
java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m -cp "$jars/*" kafka.Kafka "$work/server.properties" >"$work/kafka.out" 2>&1 &
pids+=($!)

mkfifo "$work/out"
"$program" --directory "$work/ours" >"$work/out" 2>"$work/err" &
pids+=($!)
exec 3<"$work/out"
read -r -t 60 ours <&3 || { cat "$work/err"; exit 1; }
for _ in $(seq 600); do
  if (exec 4<>"/dev/tcp/localhost/$kafka_port") 2>/dev/null; then break; fi
  kill -0 "${pids[0]}" 2>/dev/null || { tail -20 "$work/kafka.out"; exit 1; }
  sleep 0.1
done
timeout 600 /usr/bin/python3 "$here/differential.py" "$jars" "localhost:$kafka_port" "$ours" "$@"
