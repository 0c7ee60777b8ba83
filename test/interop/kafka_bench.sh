#!/usr/bin/env bash
# Apache Kafka and our broker under the same load: see bench/beside_kafka.cc.
#
#   test/interop/kafka_bench.sh PROGRAM [OPTION...]      PROGRAM: beside_kafka, built for release; options of Google Benchmark
#
# Kafka runs as a single node, with the heap and the collector of its kafka-server-start.sh, in a directory under
# MILLRACE_BENCH_DIRECTORY (default: the working directory, so that it is a disk and not a tmpfs), where our broker works as well; 12 GB at
# the most. KAFKA_VERSION: another version than 4.3.1. Its jars come from Maven's repositories (kafka_jars.sh). Exit code 77 without them.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/kafka_jars.sh"
program=$(realpath "${1:?usage: test/interop/kafka_bench.sh PROGRAM [OPTION...]}")
shift
command -v java >/dev/null || { echo "skipped: java is not installed"; exit 77; }
jars=$(kafka_jars "${KAFKA_VERSION:-4.3.1}") || { echo "skipped: Kafka's jars cannot be had"; exit 77; }
work=$(mktemp -d -p "${MILLRACE_BENCH_DIRECTORY:-.}" kafka-bench-XXXXXX)
work=$(realpath "$work")
kafka_pid=
finish() {
  [ -z "$kafka_pid" ] || { kill -TERM "$kafka_pid" 2>/dev/null && wait "$kafka_pid" || true; }
  rm -rf "$work"
}
trap finish EXIT

KAFKA_JVM="-Xmx1G -Xms1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent
  -XX:MaxInlineLevel=15 -Djava.awt.headless=true" kafka_start "$jars" "$work"
MILLRACE_BENCH_KAFKA=$kafka_bootstrap MILLRACE_BENCH_KAFKA_PID=$kafka_pid MILLRACE_BENCH_DIRECTORY=$work "$program" "$@"
