#!/bin/sh
# The method of the restore scripts that have been passed around since 2013: find an image's objects,
# copy them all into one directory, then dd each to its place in blocks of 512 bytes.
#
#   dd512.sh IMAGE_ID SIZE DEST OSD_CURRENT...
set -eu
id=$1 size=$2 dest=$3
shift 3
collected=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$collected"' EXIT
find "$@" -type f -name "*udata.$id.*__head_*" -exec cp -t "$collected" {} +
truncate -s "$size" "$dest"
for object in "$collected"/*; do
  number=${object##*udata."$id".}
  number=$((0x${number%%__*}))
  dd if="$object" of="$dest" bs=512 seek=$((number * 8192)) conv=notrunc status=none
done
