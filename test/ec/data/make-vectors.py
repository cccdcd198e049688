#!/usr/bin/env python3
"""Makes vectors.json: objects of erasure-coded pools, shard by shard, as Ceph wrote them.

usage: make-vectors.py OSDS > vectors.json

OSDS is the folder of the FileStore OSDs of a running test cluster (OSDS/<id>/current/...), at least 8
of them on this machine; CEPH_CONF names its configuration. Each profile gets a pool of one PG and one
object of random bytes that ends inside its third stripe; the shards are then read from the disks.
"""
import base64, hashlib, json, os, random, re, subprocess, sys, time

PROFILES = """
van-4-2     plugin=jerasure technique=reed_sol_van k=4 m=2 stripe_unit=64
van-2-1     plugin=jerasure technique=reed_sol_van k=2 m=1 stripe_unit=64
van-3-2     plugin=jerasure technique=reed_sol_van k=3 m=2 stripe_unit=96
van-5-3     plugin=jerasure technique=reed_sol_van k=5 m=3 stripe_unit=64
van-4-4     plugin=jerasure technique=reed_sol_van k=4 m=4 stripe_unit=64
van-4-3-16  plugin=jerasure technique=reed_sol_van k=4 m=3 w=16 stripe_unit=128
van-4-3-32  plugin=jerasure technique=reed_sol_van k=4 m=3 w=32 stripe_unit=128
r6-6        plugin=jerasure technique=reed_sol_r6_op k=6 m=2 stripe_unit=64
r6-3-16     plugin=jerasure technique=reed_sol_r6_op k=3 m=2 w=16 stripe_unit=128
orig-4-3    plugin=jerasure technique=cauchy_orig k=4 m=3 packetsize=8 stripe_unit=256
orig-3-2-5  plugin=jerasure technique=cauchy_orig k=3 m=2 w=5 packetsize=16 stripe_unit=320
good-4-2    plugin=jerasure technique=cauchy_good k=4 m=2 packetsize=8 stripe_unit=256
good-4-3    plugin=jerasure technique=cauchy_good k=4 m=3 packetsize=8 stripe_unit=256
good-6-2-7  plugin=jerasure technique=cauchy_good k=6 m=2 w=7 packetsize=12 stripe_unit=336
good-3-3-16 plugin=jerasure technique=cauchy_good k=3 m=3 w=16 packetsize=4 stripe_unit=256
isa-4-2     plugin=isa technique=reed_sol_van k=4 m=2 stripe_unit=64
isa-4-4     plugin=isa technique=reed_sol_van k=4 m=4 stripe_unit=64
isa-2-1     plugin=isa technique=reed_sol_van k=2 m=1 stripe_unit=64
isac-4-2    plugin=isa technique=cauchy k=4 m=2 stripe_unit=64
isac-5-3    plugin=isa technique=cauchy k=5 m=3 stripe_unit=64
isac-3-1    plugin=isa technique=cauchy k=3 m=1 stripe_unit=64
lrc-4-2-3   plugin=lrc k=4 m=2 l=3 stripe_unit=64
lrc-layers  plugin=lrc mapping=__DD__DD layers=[["_cDD_cDD",""],["cDDD____",""],["____cDDD",""],] crush-steps=[["chooseleaf","osd",8]] stripe_unit=64
shec-4-3    plugin=shec k=4 m=3 c=2 stripe_unit=256
clay-4-2    plugin=clay k=4 m=2 stripe_unit=256
lib-4-2     plugin=jerasure technique=liberation k=4 m=2 w=7 packetsize=8 stripe_unit=224
"""


def ceph(*args):
    return subprocess.run(["ceph", *args], check=True, capture_output=True, text=True).stdout


def dump():
    return json.loads(ceph("osd", "dump", "-f", "json"))


def shard_files(osds, pool):
    found = {}
    for osd in os.listdir(osds):
        for coll in os.listdir(f"{osds}/{osd}/current"):
            at = re.fullmatch(rf"{pool}\.0s(\d+)_head", coll)
            for folder, _, names in os.walk(f"{osds}/{osd}/current/{coll}") if at else ():
                for name in names:
                    if name.startswith("object__head_"):
                        found[int(at[1])] = f"{folder}/{name}"
    return [found[i] for i in sorted(found)]


def vector(osds, name, words):
    if "crush-steps" not in " ".join(words):
        words = [*words, "crush-failure-domain=osd"]
    ceph("osd", "erasure-code-profile", "set", name, *words, "--force")
    ceph("osd", "pool", "create", name, "1", "1", "erasure", name)
    state = dump()
    pool = next(p for p in state["pools"] if p["pool_name"] == name)
    data = random.Random(name).randbytes(pool["stripe_width"] * 5 // 2 + 3)
    subprocess.run(["rados", "-p", name, "put", "object", "-"], input=data, check=True)
    time.sleep(5)  # acknowledged once journaled: files are written a little later
    files = shard_files(osds, pool["pool"])
    assert len(files) == pool["size"], (name, files)
    assert len({os.path.getsize(f) for f in files}) == 1, (name, files)
    return {
        "name": name,
        "profile": state["erasure_code_profiles"][name],
        "stripeWidth": pool["stripe_width"],
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "shards": [base64.b64encode(open(f, "rb").read()).decode() for f in files],
    }


def main(osds):
    lines = [line.split() for line in PROFILES.strip().splitlines()]
    vectors = []
    for name, *words in lines:
        try:
            vectors.append(vector(osds, name, words))
        except subprocess.CalledProcessError as error:
            print(name, error.stderr, file=sys.stderr)
    json.dump({"ceph": ceph("--version").strip(), "vectors": vectors}, sys.stdout, indent=2)
    print()


main(sys.argv[1])
