#!/usr/bin/python3
"""A live cluster for run.mjs: one FileStore OSD, and an image of 4 MiB objects all of which exist.

    live-cluster.py up DIR MIB    makes it in DIR, which must not exist, and prints where things are as JSON
    live-cluster.py stop DIR      stops its daemons cleanly

Needs root and, from Debian, ceph-mon ceph-mgr ceph-osd ceph-common. Everything stays on 127.0.0.1.
"""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures"))
from cluster import Cluster, run  # noqa: E402

POOL, IMAGE = "rbd", "peer"
JOURNAL_MB = 512


def fill(mib):
    """Bytes that nothing can compress or leave out."""
    source = subprocess.Popen(("head", "-c", f"{mib}M", "/dev/urandom"), stdout=subprocess.PIPE)
    run("rbd", "import", "--no-progress", "-", f"{POOL}/{IMAGE}", stdin=source.stdout)
    if source.wait():
        raise RuntimeError("no random bytes")


def up(root, mib):
    cluster = Cluster(root, osds=1, journal_mb=JOURNAL_MB)
    one_copy = "osd pool default size = 1\nmon allow pool size one = true"
    cluster.conf = cluster.conf.replace("osd pool default size = 3", one_copy)
    try:
        cluster.start()
        cluster.create_pools(POOL, pgs=8)
        cluster.wait_clean()
        fill(mib)
    except BaseException:
        stop(root)
        shutil.rmtree(root, ignore_errors=True)
        raise
    places = {"conf": root / "ceph.conf", "image": f"{POOL}/{IMAGE}", "osd": root / "osd" / "0"}
    print(json.dumps({name: str(place) for name, place in places.items()}))


def stop(root):
    cluster = Cluster(root)
    cluster.end(signal.SIGTERM)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "up":
        up(Path(sys.argv[2]).resolve(), int(sys.argv[3]))
    elif len(sys.argv) == 3 and sys.argv[1] == "stop":
        stop(Path(sys.argv[2]).resolve())
    else:
        sys.exit(__doc__)
