#!/usr/bin/env python3
"""Packs a database directory and RocksDB's own listing of it into one JSON file.

usage: pack.py DIRECTORY LISTING WRITER > NAME.json
LISTING has a line "family hex-key hex-value" for every live entry, in the writer's order.
"""
import base64, hashlib, json, os, sys, zlib

directory, listing, writer = sys.argv[1:4]
files = {}
for name in sorted(os.listdir(directory)):
    if name in ("LOCK", "IDENTITY") or name.startswith(("LOG", "OPTIONS")) or not os.path.isfile(f"{directory}/{name}"):
        continue
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(open(f"{directory}/{name}", "rb").read()) + deflate.flush()
    files[name] = base64.b64encode(packed).decode()
lines = open(listing, "rb").read()
json.dump({"writer": writer, "entries": lines.count(b"\n"), "sha256": hashlib.sha256(lines).hexdigest(), "files": files}, sys.stdout, indent=2)
print()
