#!/usr/bin/env bash
# Scans each host where its disks are, and brings the catalogs together.
#
#   many-hosts.sh OUT OSDS HOST...
#
#   many-hosts.sh rescue '/mnt/dead/*' ceph1 ceph2 ceph3
#
# rbd-salvage has to be on all hosts. Listing is done there, side by side; what comes over the network is some 10 bytes for each object.
# Afterwards:
#
#   rbd-salvage ls -l $(printf -- '--catalog %s ' rescue/*.catalog)
#
# An export reads the disks themselves. Mount them all on one host, read-only (NBD, iSCSI, sshfs), and say where they are:
#
#   rbd-salvage export --all out $(printf -- '--catalog %s ' rescue/*.catalog) --osd '/net/*/dead/*'
set -uo pipefail

out=${1:?OUT is missing}
osds=${2:?OSDS is missing}
shift 2
: "${1:?HOST is missing}"

mkdir -p "$out"
declare -A running
for host in "$@"; do
  # Quoted for the far side: the glob is expanded there.
  ssh "$host" "rbd-salvage scan --osd '$osds' --catalog rbd-salvage.catalog" >"$out/$host.log" 2>&1 &
  running[$host]=$!
done

worst=0
for host in "$@"; do
  status=0
  wait "${running[$host]}" || status=$?
  if ((status == 0 || status == 3)); then
    scp -q "$host:rbd-salvage.catalog" "$out/$host.catalog" || status=1
  fi
  echo "$host: $status"
  ((status == 0)) || { cat "$out/$host.log" >&2 && worst=$status; }
done
exit "$worst"
