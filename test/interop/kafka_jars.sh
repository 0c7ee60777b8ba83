#!/usr/bin/env bash
# For scripts that need Apache Kafka's jars: source it. kafka_jars VERSION prints the folder that holds them.
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
