#!/usr/bin/env bash
# Goes through the images one by one, decides by exit status, and keeps a line of JSON on each.
#
#   each-image.sh CATALOG OUT [FILTER]
#
# FILTER   a jq condition on `ls --format json`: '.pool == "volumes" and .size < 1e12' (default: all but the trash)
#
# `export --all` is faster, since it keeps all disks busy; this is for those who want to decide in between.
set -euo pipefail

catalog=${1:?CATALOG is missing}
out=${2:?OUT is missing}
filter=${3:-.trash | not}

mkdir -p "$out"
log=$out/log.jsonl
worst=0

while IFS=$'\t' read -r pool id spec; do
  file=$out/$pool-$id.raw
  [[ -e $file && ! -e $file.retry ]] && continue
  status=0
  rbd-salvage export "$spec" "$file" --catalog "$catalog" --quiet --format json >"$file.json" || status=$?
  case $status in
  0) rm -f "$file.retry" ;;
  3) jq -e '(.lost + .doubtful) | length > 0' "$file.json" >/dev/null && touch "$file.retry" ;; # filled by a later round
  130) exit 130 ;;
  *) echo "$spec: failed ($status)" >&2 ;;
  esac
  if [[ -s $file.json ]]; then
    jq -c --argjson status "$status" \
      '{image, status: $status, complete, lost: .totals.lost_bytes, doubtful: .totals.doubtful_bytes}' "$file.json" >>"$log"
  else
    jq -nc --arg image "$spec" --argjson status "$status" '{image: $image, status: $status}' >>"$log"
  fi
  rm -f "$file.json"
  ((status == 1 || (status == 3 && worst == 0))) && worst=$status
done < <(
  rbd-salvage ls --format json --catalog "$catalog" |
    jq -r ".[] | select(.snapshot == null) | select($filter)
      | [.pool, (if .id == \"\" then .image else .id end), ([.pool, (.namespace // \"\"), .image] | map(select(. != \"\")) | join(\"/\"))]
      | @tsv"
)
exit "$worst"
