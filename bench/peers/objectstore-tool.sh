#!/bin/sh
# Ceph's own way from a stopped OSD: ask ceph-objectstore-tool for one object after the other.
#
#   objectstore-tool.sh TYPE IMAGE_ID SIZE DEST OSD
set -eu
type=$1 id=$2 size=$3 dest=$4 osd=$5
tool="ceph-objectstore-tool --no-mon-config --type $type --data-path $osd"
work=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$work"' EXIT
truncate -s "$size" "$dest"
$tool --op list 2>/dev/null | grep "rbd_data\.$id\." >"$work/list"
while IFS= read -r line; do
  pg=${line#'["'} pg=${pg%%'"'*}
  object=${line#*,} object=${object%]}
  number=${line##*"rbd_data.$id."}
  number=$((0x${number%%'"'*}))
  $tool --pgid "$pg" "$object" get-bytes >"$work/bytes" 2>/dev/null
  dd if="$work/bytes" of="$dest" bs=4M seek="$number" conv=notrunc,sparse status=none
done <"$work/list"
