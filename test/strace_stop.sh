#!/usr/bin/env bash
# R2 with real system calls: the process is killed at the Nth call of each kind that touches the file system, for every N.
#
#   test/strace_stop.sh BUILD_DIR        needs strace; exits with 77 where it is missing or may not trace
#
# The writer appends, rolls, flushes, does what is due and closes; each number it appended it acknowledges. After each kill the log
# must open and hold every number that was acknowledged, and the next writer must be able to go on to the end. Negative control: a
# writer that acknowledges too early must be found out. And calls are interrupted (EINTR), which nobody may notice.
# MILLRACE_STOP_STRIDE: from one call to the next (default 1, all).
set -euo pipefail
build=$(realpath "${1:?usage: test/strace_stop.sh BUILD_DIR}")
writer=$build/test/reliability/kill_writer
checker=$build/test/reliability/log_check
stride=${MILLRACE_STOP_STRIDE:-1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! strace -qq -o /dev/null true 2>/dev/null; then
  echo "strace is missing, or may not trace: skipped"
  exit 77
fi

# Runs the writer to its Nth call of CALL. True: it was killed there.
killed_at() { # CALL N MODE BACKEND
  rm -rf "$work/log-0"
  local status=0
  # In a shell of its own, which says nothing of the kill.
  (
    strace -f -qq -o /dev/null -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" "$writer" "$work/log-0" "$3" "$4" \
      >"$work/acks" 2>"$work/writer.log"
    exit $?
  ) 2>/dev/null || status=$?
  if [ "$status" -ne 0 ] && [ "$status" -ne 137 ]; then
    echo "$1 $2: the writer failed with $status: $(cat "$work/writer.log")"
    exit 1
  fi
  [ "$status" = 137 ]
}
acknowledged() { echo $(($(stat -c %s "$work/acks") / 8)); }
found() { # BACKEND
  if [ -d "$work/log-0" ]; then "$checker" "$work/log-0" "$1"; else echo 0; fi
}

kills=0
for backend in mapped readwrite; do
  for call in openat mkdir pwrite64 ftruncate fallocate fdatasync fsync rename unlink flock fcntl mmap; do
    for ((n = 1; ; n += stride)); do
      killed_at "$call" "$n" steps "$backend" || break
      kills=$((kills + 1))
      promised=$(acknowledged)
      there=$(found "$backend") || { echo "$call $n, $backend: the log does not open"; exit 1; }
      if [ "$there" -lt "$promised" ]; then
        echo "$call $n, $backend: $promised acknowledged, $there found"
        exit 1
      fi
      "$writer" "$work/log-0" steps "$backend" >/dev/null
      [ "$(found "$backend")" = 60 ] || { echo "$call $n, $backend: the next writer did not get to the end"; exit 1; }
    done
  done
done
# R9: a call that is interrupted by a signal is made again.
interrupted=0
for backend in mapped readwrite; do
  for call in openat pwrite64 ftruncate fallocate fdatasync fsync; do
    rm -rf "$work/log-0"
    # Every second call, so that the repetition gets through.
    strace -f -qq -o "$work/trace" -e "trace=$call" -e "inject=$call:error=EINTR:when=2+2" \
      "$writer" "$work/log-0" steps "$backend" >"$work/acks" 2>"$work/writer.log" ||
      { echo "$call interrupted, $backend: $(cat "$work/writer.log")"; exit 1; }
    interrupted=$((interrupted + $(grep -c INJECTED "$work/trace" || true)))
    [ "$(found "$backend")" = 60 ] || { echo "$call interrupted, $backend: not all of it is there"; exit 1; }
  done
done
[ "$interrupted" -gt 20 ] || { echo "only $interrupted calls were interrupted"; exit 1; }
echo "$interrupted calls interrupted: nobody noticed"
echo "$kills kills: nothing that was acknowledged is lost"

control=0
for n in 20 30 40; do
  killed_at pwrite64 "$n" early readwrite
  [ "$(found readwrite)" -ge "$(acknowledged)" ] || control=$((control + 1))
done
echo "negative control, acknowledged too early: found out $control times"
[ "$kills" -gt 100 ] && [ "$control" -gt 0 ]
