#!/usr/bin/env bash
# kafkajs and @platformatic/kafka, from npm, against the broker example.
#
#   test/interop/node_clients.sh BROKER        BROKER: the example's program. Wants node and npm; installs into a directory of its own.
#
# Ends with "N checks passed" for each client; anything else is a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:?usage: test/interop/node_clients.sh BROKER}")
command -v npm >/dev/null || { echo "skipped: npm is not installed"; exit 77; }
. "$here/with_broker.sh" "$program"

modules=${MILLRACE_NODE_MODULES:-$work/node}
mkdir -p "$modules"
[ -d "$modules/node_modules/kafkajs" ] ||
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$modules" \
    kafkajs@2.2.4 kafkajs-snappy@1.1.0 @platformatic/kafka@1.35.0
cp "$here"/node/*.mjs "$modules/"
cd "$modules"
timeout 180 node kafkajs.mjs "$bootstrap"
timeout 180 node platformatic.mjs "$bootstrap"
