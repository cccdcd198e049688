#!/usr/bin/env bash
# Recovers an image as qcow2, for a hypervisor without Ceph.
#
#   to-qcow2.sh SPEC CATALOG OUT.qcow2
#
# The raw file is needed in between, since an export writes its disks' parts as they come. It is sparse. It is removed only when
# the image is complete; otherwise it stays, with its map, to be filled when more disks turn up.
set -euo pipefail

spec=${1:?SPEC is missing}
catalog=${2:?CATALOG is missing}
qcow2=${3:?OUT.qcow2 is missing}
raw=$qcow2.raw

status=0
if ! { [[ -e $raw ]] && jq -e .complete "$raw.report.json"; } >/dev/null 2>&1; then
  rbd-salvage export "$spec" "$raw" --catalog "$catalog" || status=$?
  ((status == 0 || status == 3)) || exit "$status"
fi

# -f raw: a guest may have written another format's header into its disk, and qemu-img would follow it.
qemu-img convert -f raw -O qcow2 "$raw" "$qcow2.new"
mv "$qcow2.new" "$qcow2"
((status == 0)) && rm -f "$raw" "$raw.map" "$raw.report.json"
exit "$status"
