#!/usr/bin/env bash
# The Java client and Kafka's own tools, of Kafka 3.7 and 4.x, against the broker example.
#
#   test/interop/java_clients.sh BROKER        BROKER: the example's program, or HOST:PORT of a broker that runs
#
# KAFKA_VERSIONS: other versions than these. The jars come from Maven's repositories (kafka_jars.sh). Exit code 77, which CTest counts
# as skipped, where Java, its compiler or the jars cannot be had. Every check looks at what was answered; the last line counts them.
# Negative controls: a record that nobody sent is missed; a topic that was never made is not described.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/kafka_jars.sh"
target=${1:?usage: test/interop/java_clients.sh BROKER}
read -r -a versions <<<"${KAFKA_VERSIONS:-3.7.2 4.3.1}"
for program in java javac; do command -v $program >/dev/null || { echo "skipped: $program is not installed"; exit 77; }; done
for version in "${versions[@]}"; do
  kafka_jars "$version" >/dev/null || { echo "skipped: the jars of Kafka $version cannot be had"; exit 77; }
done
work=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || { kill -TERM "$pid" 2>/dev/null && wait "$pid" || true; }
  rm -rf "$work"
}
trap finish EXIT

if [[ $target == *:* ]]; then
  bootstrap=$target
else
  mkfifo "$work/out"
  "$(realpath "$target")" --directory "$work/data" >"$work/out" 2>"$work/err" &
  pid=$!
  exec 3<"$work/out"
  read -r -t 60 bootstrap <&3 || { cat "$work/err"; exit 1; }
fi

passed=0
failed=0
ok() { passed=$((passed + 1)); echo "ok   $version: $1"; }
bad() { # WHAT: with what the tool said
  failed=$((failed + 1))
  echo "FAIL $version: $1"
  head -c 3000 "$work/said" | head -20 | sed 's/^/     /'
}
# has WHAT PATTERN: a line of what the tool said matches the whole of the pattern. lacks: none does.
has() { if grep -qxP -- "$2" "$work/said"; then ok "$1"; else bad "$1: no line is '$2'"; fi; }
lacks() { if grep -qxP -- "$2" "$work/said"; then bad "$1: a line is '$2'"; else ok "$1"; fi; }
# tool CLASS[,CLASS...] ARGUMENT...: runs the first of the classes that this version has; what it says is kept.
tool() {
  local class
  IFS=, read -r -a classes <<<"$1"
  shift
  class=$(kafka_class "$jars" "${classes[@]}") || { echo "no ${classes[*]}" >"$work/said"; return 1; }
  timeout 120 java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -cp "$jars/*" "$class" "$@" >"$work/said" 2>"$work/warned" || {
    local code=$?
    cat "$work/warned" >>"$work/said"
    return $code
  }
  grep -v '^SLF4J\|^log4j:' "$work/warned" >>"$work/said" || true
}
expect_failure() { # WHAT PATTERN CLASS ARGUMENT...: the tool fails and says a line with the pattern.
  local what=$1 pattern=$2
  shift 2
  if tool "$@"; then bad "$what: it succeeded"; elif grep -qP -- "$pattern" "$work/said"; then ok "$what"; else bad "$what: no word of '$pattern'"; fi
}

tools=org.apache.kafka.tools
topics_tool=$tools.TopicCommand,kafka.admin.TopicCommand
configs_tool=kafka.admin.ConfigCommand,$tools.ConfigCommand
groups_tool=$tools.consumer.group.ConsumerGroupCommand,kafka.admin.ConsumerGroupCommand
console_producer=$tools.ConsoleProducer,kafka.tools.ConsoleProducer
console_consumer=$tools.consumer.ConsoleConsumer,kafka.tools.ConsoleConsumer

check_topics() {
  local topic=$1 at=(--bootstrap-server "$bootstrap")
  tool $topics_tool --create --topic "$topic" --partitions 3 --replication-factor 1 --config retention.ms=123456 "${at[@]}" || true
  has "kafka-topics --create" "Created topic $topic\."
  expect_failure "kafka-topics --create twice" "already exists|exists already" $topics_tool --create --topic "$topic" "${at[@]}"
  tool $topics_tool --create --if-not-exists --topic "$topic" "${at[@]}" || bad "kafka-topics --create --if-not-exists"
  expect_failure "kafka-topics --create, two replicas" "replication.?factor|Replication factor" $topics_tool --create \
    --topic "$topic-r" --replication-factor 2 "${at[@]}"
  expect_failure "kafka-topics --create, an unknown config" "(?i)unknown topic config name" $topics_tool --create --topic "$topic-c" \
    --config no.such=1 "${at[@]}"
  tool $topics_tool --list "${at[@]}" || true
  has "kafka-topics --list" "$topic"
  tool $topics_tool --describe --topic "$topic" "${at[@]}" || true
  has "kafka-topics --describe" "Topic: $topic\tTopicId: [A-Za-z0-9_-]{22}\tPartitionCount: 3\tReplicationFactor: 1\tConfigs: .*retention.ms=123456.*"
  has "kafka-topics --describe, a partition" "\tTopic: $topic\tPartition: 2\tLeader: (\d+)\tReplicas: \1\tIsr: \1(\tElr: (N/A)?\tLastKnownElr: (N/A)?)?"
  tool $topics_tool --alter --topic "$topic" --partitions 4 "${at[@]}" || bad "kafka-topics --alter"
  tool $topics_tool --describe --topic "$topic" "${at[@]}" || true
  has "kafka-topics --alter" "Topic: $topic\t.*PartitionCount: 4\t.*"
  expect_failure "negative control: a topic that was never made" "does not exist" $topics_tool --describe --topic "$topic-never" "${at[@]}"
  tool $topics_tool --describe --unavailable-partitions "${at[@]}" || bad "kafka-topics --unavailable-partitions"
  lacks "kafka-topics --describe --unavailable-partitions" ".*Topic: $topic.*"
}

check_configs() {
  local topic=$1 at=(--bootstrap-server "$bootstrap") of=(--entity-type topics --entity-name "$1")
  tool $configs_tool "${of[@]}" --describe "${at[@]}" || true
  has "kafka-configs --describe" "  retention.ms=123456 sensitive=false synonyms=\{DYNAMIC_TOPIC_CONFIG:retention.ms=123456(, .*)?\}"
  tool $configs_tool "${of[@]}" --alter --add-config max.message.bytes=5000000,cleanup.policy=[compact,delete] "${at[@]}" || true
  has "kafka-configs --alter" "Completed updating config for topic $topic\."
  tool $configs_tool "${of[@]}" --describe "${at[@]}" || true
  has "kafka-configs, added" "  max.message.bytes=5000000 .*"
  has "kafka-configs, a list" "  cleanup.policy=compact,delete .*"
  tool $configs_tool "${of[@]}" --alter --delete-config cleanup.policy "${at[@]}" || true
  tool $configs_tool "${of[@]}" --describe --all "${at[@]}" || true
  has "kafka-configs, deleted" "  cleanup.policy=delete sensitive=false synonyms=.*"
  expect_failure "kafka-configs, a value that is none" "(?i)invalid value" $configs_tool "${of[@]}" --alter --add-config retention.ms=soon "${at[@]}"
  tool $configs_tool --entity-type brokers --describe --all --entity-name "$node" "${at[@]}" || true
  has "kafka-configs of the broker" "  log.retention.ms=.*"
  tool $configs_tool --entity-type brokers --entity-default --alter --add-config log.retention.bytes=123456789 "${at[@]}" || true
  has "kafka-configs of all brokers" "Completed updating default config for brokers in the cluster\."
  tool $configs_tool --entity-type brokers --entity-default --alter --delete-config log.retention.bytes "${at[@]}" || true
}

check_console() {
  local topic=$1 at=(--bootstrap-server "$bootstrap") codec property=--property formatter=--property
  if [[ $version != 3.* ]]; then property=--reader-property formatter=--formatter-property; fi
  for codec in none gzip snappy lz4 zstd; do
    for i in $(seq 100); do echo "$codec:$i"; done | tool $console_producer --topic "$topic" --compression-codec $codec \
      $property parse.key=true $property key.separator=: "${at[@]}" || bad "kafka-console-producer, $codec"
  done
  echo 'one:1,two:2|key:with headers' | tool $console_producer --topic "$topic" $property parse.key=true $property key.separator=: \
    $property parse.headers=true $property headers.delimiter='|' "${at[@]}" || bad "kafka-console-producer, headers"
  tool $console_consumer --topic "$topic" --from-beginning --max-messages 501 --timeout-ms 30000 --group "$topic-group" \
    $formatter print.key=true $formatter print.partition=true $formatter print.offset=true $formatter print.headers=true \
    $formatter print.timestamp=true "${at[@]}" || true
  has "kafka-console-consumer, count" "Processed a total of 501 messages"
  for codec in none gzip snappy lz4 zstd; do
    if [ "$(grep -cP "^CreateTime:\d+\tPartition:\d\tOffset:\d+\tNO_HEADERS\t$codec\t\d+$" "$work/said")" = 100 ]; then
      ok "console, $codec"
    else
      bad "console, $codec"
    fi
  done
  has "console, headers" "CreateTime:\d+\tPartition:\d\tOffset:\d+\tone:1,two:2\tkey\twith headers"
  tool $console_consumer --topic "$topic" --partition 0 --offset earliest --timeout-ms 3000 "${at[@]}" || true
  local first
  first=$(grep -c '^[0-9]*$\|^with' "$work/said" || true)
  tool $tools.GetOffsetShell --topic-partitions "$topic:0" "${at[@]}" || true
  has "kafka-console-consumer of one partition, kafka-get-offsets" "$topic:0:$first"
}

check_groups() {
  local topic=$1 group=$1-group at=(--bootstrap-server "$bootstrap")
  tool $groups_tool --list "${at[@]}" || true
  has "kafka-consumer-groups --list" "$group"
  tool $groups_tool --list --state "${at[@]}" || true
  has "kafka-consumer-groups --list --state" "$group +Empty *"
  tool $groups_tool --describe --group "$group" "${at[@]}" || true
  has "kafka-consumer-groups, no members" "Consumer group '$group' has no active members\."
  if [ "$(awk -v g="$group" '$1 == g { sum += $4; lag += $6 } END { print sum " " lag }' "$work/said")" = "501 0" ]; then
    ok "kafka-consumer-groups --describe"
  else
    bad "kafka-consumer-groups --describe"
  fi
  tool $groups_tool --describe --state --group "$group" "${at[@]}" || true
  has "kafka-consumer-groups --describe --state" "$group .*Empty +0 *"
  tool $groups_tool --reset-offsets --group "$group" --topic "$topic" --to-earliest --dry-run "${at[@]}" || true
  has "kafka-consumer-groups --reset-offsets --dry-run" "$group +$topic +0 +0 *"
  tool $groups_tool --describe --group "$group" "${at[@]}" || true
  has "and nothing was reset" "$group +$topic +0 +(\d+) +\1 +0 .*"
  tool $groups_tool --reset-offsets --group "$group" --topic "$topic" --to-earliest --execute "${at[@]}" || true
  tool $groups_tool --describe --group "$group" "${at[@]}" || true
  has "kafka-consumer-groups --reset-offsets --execute" "$group +$topic +0 +0 +(\d+) +\1 .*"
  tool $groups_tool --reset-offsets --group "$group" --topic "$topic:0" --shift-by 1 --execute "${at[@]}" || true
  tool $groups_tool --reset-offsets --group "$group" --topic "$topic:1" --to-datetime 2000-01-01T00:00:00.000 --execute "${at[@]}" || true
  has "kafka-consumer-groups, by time" "$group +$topic +1 +0 *"
  tool $groups_tool --describe --group "$group" "${at[@]}" || true
  has "kafka-consumer-groups, shifted" "$group +$topic +0 +1 .*"
  tool $groups_tool --delete-offsets --group "$group" --topic "$topic" "${at[@]}" || true
  has "kafka-consumer-groups --delete-offsets" "$topic +0 +Successful *"
  tool $groups_tool --delete --group "$group" "${at[@]}" || true
  has "kafka-consumer-groups --delete" "Deletion of requested consumer groups \('$group'\) was successful\."
  tool $groups_tool --list "${at[@]}" || true
  lacks "and it is gone" "$group"
  tool $groups_tool --describe --group "$group-never" "${at[@]}" || true
  has "kafka-consumer-groups, an unknown group" "(?i).*$group-never.*not.*(exist|found).*"
}

check_records() {
  local topic=$1 at=(--bootstrap-server "$bootstrap")
  tool $tools.GetOffsetShell --topic "$topic" --time earliest "${at[@]}" || true
  has "kafka-get-offsets --time earliest" "$topic:1:0"
  tool $tools.GetOffsetShell --topic "$topic" --time max-timestamp "${at[@]}" || true
  has "kafka-get-offsets --time max-timestamp" "$topic:0:\d+"
  echo "{\"partitions\": [{\"topic\": \"$topic\", \"partition\": 0, \"offset\": 1}], \"version\": 1}" >"$work/offsets.json"
  tool $tools.DeleteRecordsCommand,kafka.admin.DeleteRecordsCommand --offset-json-file "$work/offsets.json" "${at[@]}" || true
  has "kafka-delete-records" "partition: $topic-0\tlow_watermark: 1"
  tool $tools.GetOffsetShell --topic "$topic" --time earliest "${at[@]}" || true
  has "and they are gone" "$topic:0:1"
  tool $tools.LogDirsCommand,kafka.admin.LogDirsCommand --describe --topic-list "$topic" "${at[@]}" || true
  has "kafka-log-dirs" '\{.*"partition":"'"$topic"'-0","size":[1-9]\d*,.*"error":null.*'
}

check_cluster() {
  local at=(--bootstrap-server "$bootstrap")
  tool $tools.BrokerApiVersionsCommand,kafka.admin.BrokerApiVersionsCommand "${at[@]}" || true
  has "kafka-broker-api-versions" ".* \(id: \d+ rack: null( isFenced: false)?\) -> \("
  has "kafka-broker-api-versions, one" "\tProduce\(0\): 0 to \d+ \[usable: \d+\],"
  node=$(grep -oP '\(id: \K\d+' "$work/said" | head -1)
  tool kafka.tools.ClusterTool,$tools.ClusterTool cluster-id "${at[@]}" || true
  has "kafka-cluster cluster-id" "Cluster ID: [A-Za-z0-9_-]{22}"
  tool $tools.LeaderElectionCommand --election-type preferred --all-topic-partitions "${at[@]}" || bad "kafka-leader-election"
  tool $tools.reassign.ReassignPartitionsCommand,kafka.admin.ReassignPartitionsCommand --list "${at[@]}" || true
  has "kafka-reassign-partitions --list" "No partition reassignments found\."
}

check_performance() {
  local topic=$1 at=(--bootstrap-server "$bootstrap") broker=--broker-list
  tool $topics_tool --create --topic "$topic" --partitions 2 "${at[@]}" || true
  tool $tools.ProducerPerformance --topic "$topic" --num-records 20000 --record-size 500 --throughput -1 --producer-props \
    bootstrap.servers="$bootstrap" acks=all compression.type=lz4 || true
  has "kafka-producer-perf-test" "20000 records sent, \d.* records/sec .*99.9th\..*"
  tool $tools.ConsumerPerformance --topic "$topic" --messages 20000 --timeout 30000 "${at[@]}" || true
  has "kafka-consumer-perf-test" "\d{4}-.*, .*, \d+\.\d+, \d+\.\d+, 20000, .*"
  # 3.7's ones name their broker list otherwise.
  tool $tools.VerifiableProducer "${at[@]}" --topic "$topic-v" --max-messages 1000 --acks -1 || true
  has "kafka-verifiable-producer" '\{.*"name":"tool_data".*"sent":1000,"acked":1000.*|\{.*"sent":1000.*"acked":1000.*\}'
  tool $tools.VerifiableConsumer "${at[@]}" --topic "$topic-v" --group-id "$topic-verify" --max-messages 1000 --reset-policy earliest || true
  local read
  read=$(grep -o '"name":"records_consumed".*\|.*records_consumed.*' "$work/said" | grep -oP '"count":\K\d+' | head -1000 | paste -sd+ | bc || true)
  if [ "${read:-0}" -ge 1000 ]; then ok "kafka-verifiable-consumer"; else bad "kafka-verifiable-consumer: $read records"; fi
}

check_dump() {
  local topic=$1 segment
  segment=$(find "$work/data" -path "*$topic-1/*.log" | head -1)
  tool kafka.tools.DumpLogSegments,$tools.DumpLogSegments --files "$segment" --print-data-log --deep-iteration || true
  has "kafka-dump-log" "(Log s|S)tarting offset: 0"
  has "kafka-dump-log, a batch" "baseOffset: 0 .*partitionLeaderEpoch: 0 .*isvalid: true.*"
  has "kafka-dump-log, a record" "\| offset: 0 .*payload: \d+.*"
  lacks "kafka-dump-log, a broken batch" ".*(isvalid: false|invalid|Invalid).*"
  # Of a log that is long enough for entries.
  segment=$(find "$work/data" -path "*$2-0/*.index" -size +0 | sort | head -1)
  tool kafka.tools.DumpLogSegments,$tools.DumpLogSegments --files "$segment" --index-sanity-check || true
  has "kafka-dump-log of the index" ".*\.index passed sanity check\."
  tool kafka.tools.DumpLogSegments,$tools.DumpLogSegments --files "${segment%.index}.timeindex" --index-sanity-check || true
  has "kafka-dump-log of the time index" ".*\.timeindex passed sanity check\."
  tool kafka.tools.DumpLogSegments,$tools.DumpLogSegments --files "$segment","${segment%.index}.timeindex" --verify-index-only || true
  lacks "kafka-dump-log, entries that lead elsewhere" "(?i).*(exception|mismatch|out of order|not found).*"
}

for version in "${versions[@]}"; do
  jars=$(kafka_jars "$version")
  tag="v${version//./-}-$$"
  mkdir -p "$work/classes-$version"
  javac -nowarn -Xlint:-options -d "$work/classes-$version" -cp "$jars/*" "$here"/java/src/*.java 2>"$work/said" || { cat "$work/said"; exit 1; }
  flags=()
  [[ $version == 3.* ]] || flags=(--consumer-protocol)
  client() { KAFKA_CLASSES="$work/classes-$version" timeout 900 env java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx768m \
    -cp "$work/classes-$version:$jars/*" JavaClient "$bootstrap" "$@"; }
  client "$tag" "${flags[@]}" >"$work/client" 2>"$work/client.err" || { failed=$((failed + 1)); grep -A12 '^FAIL' "$work/client" || tail "$work/client.err"; }
  of_client=$(sed -n 's/^passed //p' "$work/client")
  passed=$((passed + ${of_client:-0}))
  echo "Java client $version: ${of_client:-no} checks passed"
  if client "$tag" --control >"$work/said" 2>&1; then bad "negative control: a record that nobody sent"; else ok "negative control: a record that nobody sent"; fi

  check_cluster
  check_topics "tools-$tag"
  check_configs "tools-$tag"
  check_console "tools-$tag"
  check_groups "tools-$tag"
  check_records "tools-$tag"
  check_performance "perf-$tag"
  [ ! -d "$work/data" ] || check_dump "tools-$tag" "sizes-$tag"
  tool $topics_tool --delete --topic "tools-$tag" --bootstrap-server "$bootstrap" || true
  tool $topics_tool --list --bootstrap-server "$bootstrap" || true
  lacks "kafka-topics --delete" "tools-$tag"
done

if [ -n "$pid" ]; then
  kill -TERM "$pid"
  wait "$pid" || { echo "the broker did not end well: $(cat "$work/err")"; exit 1; }
  pid=
fi
[ "$failed" = 0 ] || { echo "$failed checks failed, $passed passed"; exit 1; }
echo "$passed checks passed"
