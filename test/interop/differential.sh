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

kafka_start "$jars" "$work"
pids+=("$kafka_pid")

mkfifo "$work/out"
"$program" --directory "$work/ours" >"$work/out" 2>"$work/err" &
pids+=($!)
exec 3<"$work/out"
read -r -t 60 ours <&3 || { cat "$work/err"; exit 1; }
timeout 600 /usr/bin/python3 "$here/differential.py" "$jars" "$kafka_bootstrap" "$ours" "$@"
