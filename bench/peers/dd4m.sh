#!/bin/sh
# The best that a short script does: no copies, one large dd for each object, zeros left out.
#
#   dd4m.sh IMAGE_ID SIZE DEST OSD_CURRENT...
set -eu
id=$1 size=$2 dest=$3
shift 3
truncate -s "$size" "$dest"
find "$@" -type f -name "*udata.$id.*__head_*" | while IFS= read -r object; do
  number=${object##*udata."$id".}
  number=$((0x${number%%__*}))
  dd if="$object" of="$dest" bs=4M seek="$number" conv=notrunc,sparse status=none
done
