#!/usr/bin/env bash
# Pipes an image into a command, without a file in between.
#
#   stream-image.sh SPEC CATALOG COMMAND...
#
#   stream-image.sh rbd/vm-disk dead.catalog rbd import - vms/vm-disk
#   stream-image.sh rbd/vm-disk@monday dead.catalog ssh newhost 'rbd import - vms/vm-disk'
#   stream-image.sh rbd/vm-disk dead.catalog ssh newhost 'dd of=/dev/vg/vm-disk bs=1M conv=sparse,fsync'
#
# Exit status: 3 when parts are lost or doubtful, although COMMAND took all of it. A stream cannot be gone on with: for an image of
# many hours export to a file.
set -uo pipefail

spec=${1:?SPEC is missing}
catalog=${2:?CATALOG is missing}
shift 2
: "${1:?COMMAND is missing}"

report=$(mktemp)
trap 'rm -f "$report"' EXIT

rbd-salvage export "$spec" - --catalog "$catalog" --report "$report" | "$@"
both=("${PIPESTATUS[@]}")

if ((both[1] != 0)); then
  echo "$spec: the receiver failed with ${both[1]}: what it has made is not the image" >&2
  exit 1
fi
if ((both[0] == 3)); then
  jq -r '(.lost[] | "lost \(.offset)+\(.length): \(.reason)"), (.doubtful[] | "doubtful \(.offset)+\(.length): \(.reason)")' \
    "$report" >&2
fi
exit "${both[0]}"
