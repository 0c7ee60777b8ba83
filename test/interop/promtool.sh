#!/usr/bin/env bash
# What a broker shows, as promtool and a plain HTTP client see it.
#
#   promtool.sh BROKER      PROMTOOL: the program, where it is not on the path
#
# Exit status 77: there is no promtool (Debian: prometheus), or no curl.
set -euo pipefail
broker=${1:?usage: promtool.sh BROKER}
promtool=${PROMTOOL:-promtool}
command -v "$promtool" >/dev/null && command -v curl >/dev/null || { echo "no promtool or no curl: left out"; exit 77; }
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT

"$broker" --metrics 127.0.0.1:0 >"$work/said" &
pid=$!
for _ in $(seq 100); do
  [ "$(wc -l <"$work/said")" -ge 2 ] && break
  sleep 0.1
done
bootstrap=$(sed -n 1p "$work/said")
page=$(sed -n 2p "$work/said")
# So that there are topics, groups and requests to tell of.
if command -v kcat >/dev/null; then
  seq 100 | kcat -b "$bootstrap" -t orders -P
  kcat -b "$bootstrap" -G billing -X auto.offset.reset=earliest -c 100 -q orders >/dev/null
fi
curl -sS --fail "$page" >"$work/metrics"
grep -q '^kafka_controller_kafkacontroller_globaltopiccount ' "$work/metrics"
# Linting advice (Kafka's names are not as Prometheus would have them) is status 3; text that is wrong is 1.
status=0
"$promtool" check metrics <"$work/metrics" >"$work/advice" 2>&1 || status=$?
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ]; then
  cat "$work/advice"
  exit 1
fi
[ "$(curl -sS --fail "${page%/metrics}/healthz")" = ok ]
kill -0 "$pid"
echo "promtool read $(grep -vc '^#' "$work/metrics") series of $(grep -c '^# TYPE' "$work/metrics") metrics"
# The check can fail.
if echo 'a{b="c} 1' | "$promtool" check metrics >/dev/null 2>&1; then
  echo "promtool lets everything pass"
  exit 1
fi
