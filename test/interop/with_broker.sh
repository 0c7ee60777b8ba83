# Sourced by the suites of this folder: a broker for the time of the script.
#
#   . with_broker.sh PROGRAM [ARGUMENT...]      sets `work`, a directory for the time of the script, and `bootstrap`

work=$(mktemp -d)
broker_pid=
finish() {
  [ -z "$broker_pid" ] || { kill -TERM "$broker_pid" 2>/dev/null && wait "$broker_pid"; } || true
  rm -rf "$work"
}
trap finish EXIT

mkfifo "$work/said"
"$@" --directory "$work/data" >"$work/said" 2>"$work/broker.err" &
broker_pid=$!
# Open until the broker has said its last word.
exec 3<"$work/said"
rm "$work/said"
read -r bootstrap <&3 || { cat "$work/broker.err"; exit 1; }
