#!/bin/sh
# Ceph's own way from a stopped OSD: ask ceph-objectstore-tool for one object after the other.
#
#   objectstore-tool.sh TYPE IMAGE_ID SIZE DEST OSD [STEP]
#
# With STEP it fetches every STEPth object only, and with 0 none: it lists them.
set -eu
type=$1 id=$2 size=$3 dest=$4 osd=$5 step=${6:-1}
tool="ceph-objectstore-tool --no-mon-config --type $type --data-path $osd"
work=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$work"' EXIT
truncate -s "$size" "$dest"
$tool --op list 2>/dev/null | grep "rbd_data\.$id\." >"$work/list"
[ "$step" -gt 0 ] || exit 0
while IFS= read -r line; do
  number=${line##*"rbd_data.$id."}
  number=$((0x${number%%'"'*}))
  [ $((number % step)) -eq 0 ] || continue
  pg=${line#'["'} pg=${pg%%'"'*}
  object=${line#*,} object=${object%]}
  $tool --pgid "$pg" "$object" get-bytes >"$work/bytes" 2>/dev/null
  dd if="$work/bytes" of="$dest" bs=4M seek="$number" conv=notrunc,sparse status=none
done <"$work/list"
