#!/usr/bin/env bash
# franz-go and sarama, from Go's module proxy, against the broker example.
#
#   test/interop/go_clients.sh BROKER        BROKER: the example's program. Wants go; builds in a directory of its own.
#
# Ends with "N checks passed" for each client; anything else is a failure.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:?usage: test/interop/go_clients.sh BROKER}")
command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || { echo "skipped: go is not installed"; exit 77; }
. "$here/with_broker.sh" "$program"

build=${MILLRACE_GO_BUILD:-$work/go}
mkdir -p "$build"
cp -r "$here"/go/. "$build/"
cd "$build"
if [ ! -e go.mod ]; then
  go mod init suite >/dev/null 2>&1
  go get github.com/twmb/franz-go@v1.19.5 github.com/twmb/franz-go/pkg/kadm@v1.16.0 github.com/IBM/sarama@v1.45.2 >get.log 2>&1 ||
    { tail get.log; exit 1; }
fi
go mod tidy >tidy.log 2>&1 || { tail tidy.log; exit 1; }
for client in franz sarama; do
  go build -o "$client.program" "./$client"
  timeout 180 "./$client.program" "$bootstrap"
done
