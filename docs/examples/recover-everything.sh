#!/usr/bin/env bash
# Recovers every image from a dead cluster's disks.
#
#   recover-everything.sh OUT OSD...
#
# OUT      a directory on a disk that is no part of the cluster; catalog, images and reports go there
# OSD...   directories of OSDs, devices, images of such, or globs
#
# Exit status: that of `rbd-salvage export`. Run it again after an interruption, or when another disk has turned up.
set -euo pipefail

out=${1:?OUT is missing}
shift
: "${1:?OSD is missing}"

mkdir -p "$out"
catalog=$out/dead.catalog

# 3: some OSDs could not be read in full. What there is counts; the export says what that costs.
status=0
rbd-salvage scan --osd "$@" --catalog "$catalog" || status=$?
((status == 0 || status == 3)) || exit "$status"

rbd-salvage ls -l --catalog "$catalog"
status=0
rbd-salvage export --all "$out/images" --catalog "$catalog" --format json >"$out/summary.json" || status=$?
[[ -s $out/summary.json ]] || exit "$status"

jq -r '.images[] | [.status, .image, (.totals.lost_bytes // 0), (.totals.doubtful_bytes // 0), (.error // "")] | @tsv' \
  "$out/summary.json"

# An OSD that outlived the scanned ones may know newer bytes, also of images that are called complete.
jq -r '[.images[].missing_osds[]?.osd] | unique | .[] | "not scanned: " + .' "$out/summary.json" >&2
exit "$status"
