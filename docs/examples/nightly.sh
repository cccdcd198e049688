#!/usr/bin/env bash
# For cron: looks for new disks, goes on with what is not finished, and is silent once everything is there.
#
#   0 1 * * *  /root/nightly.sh /mnt/rescue '/mnt/dead/*' /dev/disk/by-id/ata-DEAD*
#
#   nightly.sh OUT OSD...
#
# TIME_LIMIT   when to stop (default: 5h, as `timeout` takes it). An export that is interrupted goes on the next night.
set -uo pipefail

out=${1:?OUT is missing}
shift
: "${1:?OSD is missing}"

mkdir -p "$out"
exec 9>"$out/lock"
flock --nonblock 9 || exit 0 # last night's run is still at it

log=$out/nightly.log
catalog=$out/dead.catalog
{
  date --iso-8601=seconds
  rbd-salvage scan --osd "$@" --catalog "$catalog"
} >>"$log" 2>&1

# SIGINT once: what is in flight is finished and kept.
timeout --signal=INT "${TIME_LIMIT:-5h}" \
  rbd-salvage export --all "$out/images" --catalog "$catalog" >"$out/table" 2>>"$log"
status=$?
cat "$out/table" >>"$log"

case $status in
0) touch "$out/complete" ;;
124 | 130) echo "time is up; to be continued, see $log" ;;
3) grep -v '^complete' "$out/table" ;; # cron mails what is printed
*) tail -n 20 "$log" ;;
esac
exit "$status"
