#!/usr/bin/env bash
# For scripts that need Apache Kafka: source it. kafka_jars VERSION prints the folder that holds its jars.
#
# They come from Maven's repositories, once: into MILLRACE_KAFKA_JARS, else the user's cache. Whoever sources it says `skip REASON`.

kafka_jars() {
  local version=$1 folder
  folder="${MILLRACE_KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace-kafka}/$version"
  if [ ! -e "$folder/complete" ]; then
    command -v mvn >/dev/null || { echo "Maven is not installed" >&2; return 1; }
    mvn -q -B -f "$(dirname "${BASH_SOURCE[0]}")/java/pom.xml" -Dkafka.version="$version" dependency:copy-dependencies \
      -DoutputDirectory="$folder" >"${TMPDIR:-/tmp}/kafka_jars.$$" 2>&1 || {
      tail -3 "${TMPDIR:-/tmp}/kafka_jars.$$" >&2
      rm -f "${TMPDIR:-/tmp}/kafka_jars.$$"
      return 1
    }
    rm -f "${TMPDIR:-/tmp}/kafka_jars.$$"
    touch "$folder/complete"
  fi
  echo "$folder"
}

# A JVM that starts soon and takes little.
kafka_java() { # FOLDER ARGUMENT...
  local folder=$1
  shift
  java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m -cp "${KAFKA_CLASSES:+$KAFKA_CLASSES:}$folder/*" "$@"
}

# Tools have moved between packages: the first of the classes that the jars hold.
kafka_class() { # FOLDER CLASS...
  local folder=$1 class jar
  shift
  for class in "$@"; do
    for jar in "$folder"/kafka_2.13-*.jar "$folder"/kafka-tools-[0-9]*.jar; do
      if /usr/bin/python3 -c 'import sys, zipfile; sys.exit(sys.argv[2] not in zipfile.ZipFile(sys.argv[1]).NameToInfo)' \
        "$jar" "${class//.//}.class"; then
        echo "$class"
        return
      fi
    done
  done
  return 1
}

# Starts Kafka as a single node in WORK/kafka; kafka_pid and kafka_bootstrap tell of it. It ends with the caller's signal to it.
kafka_start() { # FOLDER WORK
  local folder=$1 work=$2 ports
  read -r -a ports < <(/usr/bin/python3 -c '
import socket
two = [socket.socket(), socket.socket()]
for one in two: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in two))')
  cat >"$work/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:${ports[1]}
listeners=PLAINTEXT://localhost:${ports[0]},CONTROLLER://localhost:${ports[1]}
controller.listener.names=CONTROLLER
log.dirs=$work/kafka
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.consumer.assignment.interval.ms=0
PROPERTIES
  kafka_java "$folder" kafka.tools.StorageTool format -t "$(kafka_java "$folder" kafka.tools.StorageTool random-uuid 2>/dev/null)" \
    -c "$work/server.properties" >"$work/format" 2>&1 || { cat "$work/format"; return 1; }
  # shellcheck disable=SC2086
  java ${KAFKA_JVM:--XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx512m} -cp "$folder/*" kafka.Kafka "$work/server.properties" \
    >"$work/kafka.out" 2>&1 &
  kafka_pid=$!
  kafka_bootstrap=localhost:${ports[0]}
  for _ in $(seq 600); do
    if (exec 4<>"/dev/tcp/localhost/${ports[0]}") 2>/dev/null; then return; fi
    kill -0 "$kafka_pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -20 "$work/kafka.out"
  return 1
}
