#!/usr/bin/env bash
# R3: what was acknowledged with flush-before-ack survives a power loss.
#
#   test/power_loss.sh BUILD_DIR [ROUNDS=100]        as root, with xfsprogs and e2fsprogs installed
#
# Each round: a writer appends and flushes on a loop-mounted file system (ext4 and XFS in turn, mapped and read/write backends in turn);
# after a random while the file system is shut down as by pulling the plug (page cache and journal are lost), mounted again, and the
# log must hold every number that was acknowledged. Negative control: a writer that does not flush must lose some.
set -euo pipefail
build=$(realpath "${1:?usage: test/power_loss.sh BUILD_DIR [ROUNDS]}")
rounds=${2:-100}
writer=$build/test/reliability/kill_writer
checker=$build/test/reliability/log_check
work=$(mktemp -d)
mount_point=$work/mount
mkdir "$mount_point"
trap 'umount -q "$mount_point" 2>/dev/null || true; rm -rf "$work"' EXIT
RANDOM=${MILLRACE_SEED:-4711}
echo "seed ${MILLRACE_SEED:-4711}"

image() { # TYPE: a fresh file system, mounted
  umount -q "$mount_point" 2>/dev/null || true
  rm -f "$work/image"
  truncate -s 320M "$work/image"
  case $1 in
    ext4) mkfs.ext4 -q -F "$work/image" ;;
    xfs) mkfs.xfs -q -f "$work/image" ;;
  esac
  mount -o loop "$work/image" "$mount_point"
}

# One power loss while `writer MODE` works. Prints "ACKNOWLEDGED FOUND".
round() { # TYPE MODE BACKEND
  image "$1"
  "$writer" "$mount_point/log-0" "$2" "$3" >"$work/acks" 2>"$work/writer.log" &
  local child=$!
  sleep "0.$(printf '%03d' $((50 + RANDOM % 200)))"
  # The count is taken first: what is acknowledged after it may be lost without a lie.
  local acknowledged=$(($(stat -c %s "$work/acks") / 8))
  xfs_io -x -c shutdown "$mount_point"
  kill -9 "$child" 2>/dev/null || true
  wait "$child" 2>/dev/null || true
  umount "$mount_point"
  mount -o loop "$work/image" "$mount_point"
  local found=0
  if [ -d "$mount_point/log-0" ]; then
    found=$("$checker" "$mount_point/log-0" "$3")
  fi
  umount "$mount_point"
  echo "$acknowledged $found"
}

lost=0 acknowledged_total=0
for ((i = 0; i < rounds; ++i)); do
  type=$([ $((i % 2)) = 0 ] && echo ext4 || echo xfs)
  backend=$([ $((i % 4)) -lt 2 ] && echo mapped || echo readwrite)
  read -r acknowledged found < <(round "$type" flush "$backend")
  acknowledged_total=$((acknowledged_total + acknowledged))
  if [ "$found" -lt "$acknowledged" ]; then
    echo "round $i ($type, $backend): $acknowledged acknowledged, $found found"
    lost=$((lost + acknowledged - found))
  fi
done
echo "$rounds power losses: $acknowledged_total acknowledged, $lost lost"

control_lost=0
for type in ext4 xfs; do
  for backend in mapped readwrite; do
    read -r acknowledged found < <(round "$type" append "$backend")
    [ "$found" -ge "$acknowledged" ] || control_lost=$((control_lost + acknowledged - found))
  done
done
echo "negative control, without flush: $control_lost lost"
[ "$lost" = 0 ] && [ "$acknowledged_total" -gt 0 ] && [ "$control_lost" -gt 0 ]
