#!/usr/bin/env bash
# confluent-kafka for Python (librdkafka), from Debian's python3-confluent-kafka, against the broker example.
#
#   test/interop/confluent_kafka_client.sh BROKER        BROKER: the example's program
#
# Exit code 77, which CTest counts as skipped, where the package is missing. Ends with "N checks passed".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:?usage: test/interop/confluent_kafka_client.sh BROKER}")
/usr/bin/python3 -c 'import confluent_kafka' 2>/dev/null || { echo "skipped: python3-confluent-kafka is not installed"; exit 77; }
. "$here/with_broker.sh" "$program"
timeout 240 /usr/bin/python3 "$here/confluent_kafka_client.py" "$bootstrap"
