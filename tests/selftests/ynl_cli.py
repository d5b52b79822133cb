# SPDX-License-Identifier: GPL-2.0
"""The tests of ynl_cli.sh."""
import contextlib
import ctypes
import errno
import io
import mmap
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

from ynl_client import (
    ALLOC, CLI, COMMIT, DELETE, F_CORRUPT, GET, KERNEL_SPECS, NR_AGES, NR_CLASSES, PUT, SPEC,
    SYSFS, Device, Raw, _sleep, attr, cached_load, cli, do, dump, fails, family, key, namespace, ns,
    op_args, sysfs, sysfs_refuses)

# --- tests ---

TESTS = []


def test(function):
    TESTS.append(function)
    return function


@test
def spec_is_valid_and_lists_every_command():
    out = subprocess.run([sys.executable, CLI, "--spec", SPEC, "--list-ops",
                          "--schema", KERNEL_SPECS + "/genetlink-legacy.yaml"],
                         capture_output=True, text=True, check=True).stdout
    for op in ("ns-new", "ns-set", "ns-del", "ns-get", "pool-new", "pool-set", "pool-del",
               "pool-get", "table-get", "table-set", "hist-get", "latency-get", "stats-get",
               "quiesce", "arena-set", "cluster-set", "cluster-get", "peer-new", "peer-del", "peer-get",
               "map-set", "map-get"):
        assert op + "  [" in out, (op, out)


@test
def family_needs_admin_for_everything():
    about = family()
    assert about["version"] == 1, about
    spec = cached_load(open(SPEC))["operations"]["list"]
    commands = [op for op in spec if "event" not in op]
    assert len(about["ops"]) == len(commands), about
    for op in about["ops"]:
        assert "admin-perm" in str(op) or int(str(op).split("'op-flags': ")[1].split(",")[0].strip("}")) & 1, op
    for group in ("events", "samples"):
        assert group in str(about["mcast-groups"]), about


@test
def stats_get():
    stats = do("stats-get")
    assert stats["version"] == sysfs("version") and stats["abi-version"] == 1, stats
    assert stats["open-files"] == 0 and stats["quiesced"] == 0, stats
    assert stats["arena"]["target"] == int(sysfs("arena_bytes")), stats
    before = stats["nr-namespaces"]
    with namespace("t-stats"), Device("t-stats"):
        stats = do("stats-get")
        assert stats["open-files"] == 1 and stats["nr-namespaces"] == before + 1, stats
        assert ns("t-stats")["nr-files"] == 1
    fails(errno.EINVAL, "does not take", "stats-get", {"id": 1}, attr="id")


@test
def ns_life():
    print_hex = "ab" * 32
    with namespace("t-life", uid=12, gid=13, mode=0o640, fingerprint=print_hex,
                   quota_bytes=1 << 33, quota_blocks=77, ttl_ms=5000, pin_percent=7) as ident:
        one = ns("t-life")
        assert one == do("ns-get", id=ident)
        for name, value in (("id", ident), ("name", "t-life"), ("uid", 12), ("gid", 13),
                            ("mode", 0o640), ("quota-bytes", 1 << 33), ("quota-blocks", 77),
                            ("ttl-ms", 5000), ("pin-percent", 7), ("pool-id", 0),
                            ("used-bytes", 0), ("live-blocks", 0), ("nr-files", 0)):
            assert one[name] == value, (name, one)
        assert one["fingerprint"].replace(" ", "") == print_hex, one
        assert len(one["stats"]) == 24 and not any(one["stats"].values()), one
        do("ns-set", id=ident, mode=0o600, uid=0, ttl_ms=0)
        do("ns-set", name="t-life", quota_bytes=0, quota_blocks=5, pin_percent=100,
           fingerprint="00" * 32)
        new = ns("t-life")
        changed = {k for k in one if one[k] != new[k]}
        assert changed == {"mode", "uid", "ttl-ms", "quota-bytes", "quota-blocks", "pin-percent",
                           "fingerprint"}, changed
        assert new["gid"] == 13 and new["quota-blocks"] == 5, new
        assert [n["name"] for n in dump("ns-get")].count("t-life") == 1
    fails(errno.ENOENT, "no such namespace", "ns-get", {"name": "t-life"}, attr="name")
    fails(errno.ENOENT, "no such namespace", "ns-del", {"id": ident}, attr="id")


@test
def ns_defaults():
    with namespace("t-default"):
        one = ns("t-default")
        assert (one["uid"], one["gid"], one["mode"]) == (0, 0, 0o600), one
        assert (one["quota-bytes"], one["ttl-ms"], one["pin-percent"]) == (0, 0, 50), one
    with namespace("x" * 63):
        assert ns("x" * 63)["name"] == "x" * 63


@test
def ns_errors():
    bad = (
        ("ns-new", {}, errno.EINVAL, "name is needed", "name"),
        ("ns-new", {"name": ""}, errno.EINVAL, "visible ASCII", "name"),
        ("ns-new", {"name": "a b"}, errno.EINVAL, "visible ASCII", "name"),
        ("ns-new", {"name": "tab\t"}, errno.EINVAL, "visible ASCII", "name"),
        ("ns-new", {"name": "x" * 64}, errno.EINVAL, "policy", "name"),
        ("ns-new", {"name": "t-e", "mode": 0o1000}, errno.ERANGE, "range", "mode"),
        ("ns-new", {"name": "t-e", "mode": 0o111}, errno.EINVAL, "read and write", "mode"),
        ("ns-new", {"name": "t-e", "uid": 0xffffffff}, errno.EINVAL, "user", "uid"),
        ("ns-new", {"name": "t-e", "gid": 0xffffffff}, errno.EINVAL, "group", "gid"),
        ("ns-new", {"name": "t-e", "pin-percent": 101}, errno.ERANGE, "range", "pin-percent"),
        ("ns-new", {"name": "t-e", "fingerprint": "ab"}, errno.ERANGE, "", "fingerprint"),
        ("ns-new", {"name": "t-e", "pool-id": 99}, errno.ENOENT, "no such pool", "pool-id"),
        ("ns-new", {"name": "t-e", "pool-name": "no"}, errno.ENOENT, "no such pool", "pool-name"),
        ("ns-new", {"name": "t-e", "pool-id": 1, "pool-name": "no"}, errno.EINVAL, "give one", "pool-name"),
        ("ns-new", {"name": "t-e", "share": 1}, errno.EINVAL, "does not take", "share"),
        ("ns-new", {"name": "t-e", "id": 7}, errno.EINVAL, "does not take", "id"),
        ("ns-new", {"name": "t-busy"}, errno.EEXIST, "exists", "name"),
        ("ns-set", {"name": "t-busy"}, errno.EINVAL, "nothing to change", None),
        ("ns-set", {"name": "t-busy", "pool-id": 1}, errno.EINVAL, "does not take", "pool-id"),
        ("ns-set", {"name": "t-busy", "mode": 0o111}, errno.EINVAL, "read and write", "mode"),
        ("ns-set", {"name": "none", "mode": 0}, errno.ENOENT, "no such namespace", "name"),
        ("ns-set", {"mode": 0}, errno.EINVAL, "id or a name", "id"),
        ("ns-get", {}, errno.EINVAL, "id or a name", "id"),
        ("ns-get", {"id": 0}, errno.ERANGE, "range", "id"),
        ("ns-get", {"id": 1 << 31}, errno.ENOENT, "no such namespace", "id"),
        ("ns-get", {"id": 1, "name": "t-busy"}, errno.EINVAL, "give one", "name"),
        ("ns-del", {}, errno.EINVAL, "id or a name", "id"),
        ("ns-del", {"name": "none"}, errno.ENOENT, "no such namespace", "name"),
    )
    with namespace("t-busy"):
        before = ns("t-busy")
        for op, attrs, number, what, blamed in bad:
            fails(number, what, op, attrs, attr=blamed)
        fails(errno.EINVAL, "does not take", "ns-get", {"id": 1}, kind="--dump")
        assert ns("t-busy") == before
        assert not [n for n in dump("ns-get") if n["name"] == "t-e"]


@test
def pool_life():
    ident = do("pool-new", name="t-pool", quota_bytes=1 << 30, share=1)["id"]
    pool = do("pool-get", name="t-pool")
    assert pool == do("pool-get", id=ident) and pool in dump("pool-get"), pool
    assert (pool["quota-bytes"], pool["quota-blocks"], pool["share"]) == (1 << 30, 0, 1), pool
    do("pool-set", id=ident, quota_blocks=9)
    do("pool-set", name="t-pool", share=0)
    pool = do("pool-get", id=ident)
    assert (pool["quota-bytes"], pool["quota-blocks"], pool["share"]) == (1 << 30, 9, 0), pool
    with namespace("t-member", pool_id=ident), namespace("t-member2", pool_name="t-pool"):
        one = ns("t-member")
        assert (one["pool-id"], one["pool-name"]) == (ident, "t-pool"), one
        assert ns("t-member2")["pool-id"] == ident
        assert do("pool-get", id=ident)["nr-namespaces"] == 2
        with Device("t-member") as device:
            assert device.put(key(1), b"x" * 5000) == 0
            pool = do("pool-get", id=ident)
            assert pool["used-blocks"] == 1 and pool["used-bytes"] >= 5000, pool
        fails(errno.EBUSY, "members", "pool-del", {"id": ident})
        fails(errno.EEXIST, "exists", "pool-new", {"name": "t-pool"}, attr="name")
        fails(errno.EINVAL, "nothing to change", "pool-set", {"id": ident})
    do("pool-del", name="t-pool")
    for op in ("pool-get", "pool-del", "pool-set"):
        fails(errno.ENOENT, "no such pool", op, {"id": ident}, attr="id")
        fails(errno.EINVAL, "id or a name", op, {}, attr="id")
        fails(errno.EINVAL, "does not take", op, {"id": ident, "mode": 0}, attr="mode")
    fails(errno.ERANGE, "range", "pool-new", {"name": "t-p", "share": 2}, attr="share")
    fails(errno.EINVAL, "visible ASCII", "pool-new", {"name": "a b"}, attr="name")
    fails(errno.EINVAL, "does not take", "pool-get", {"id": 1}, kind="--dump")


def rows(table):
    assert [row["class"] for row in table["value-table"]] == list(range(NR_CLASSES))
    assert all(len(row["values"]) == NR_AGES for row in table["value-table"])
    return [row["values"] for row in table["value-table"]]


def packed(values):
    return struct.pack(f"={NR_AGES}H", *values).hex()


@test
def table():
    with namespace("t-table") as ident:
        lru = rows(do("table-get", id=ident))
        for values in lru:
            assert values == lru[0] and values == sorted(values, reverse=True), values
        mine = [7 * i for i in range(NR_AGES)]
        do("table-set", name="t-table", value_table=[{"class": 5, "values": packed(mine)},
                                                     {"class": 63, "values": packed([65535] * 32)}])
        new = rows(do("table-get", name="t-table"))
        assert new[5] == mine and new[63] == [65535] * 32
        assert [v for i, v in enumerate(new) if i not in (5, 63)] == lru[:62]
        do("table-set", id=ident, lru=True, value_table=[{"class": 0, "values": packed(mine)}])
        new = rows(do("table-get", id=ident))
        assert new[0] == mine and new[1:] == lru[1:]
        do("table-set", id=ident, lru=True)
        assert rows(do("table-get", id=ident)) == lru
        # All or nothing
        good = {"class": 1, "values": packed(mine)}
        for bad, number, what in (
                ({"class": 2}, errno.EINVAL, "class and values"),
                ({"values": packed(mine)}, errno.EINVAL, "class and values"),
                (good, errno.EINVAL, "given twice"),
                ({"class": 64, "values": packed(mine)}, errno.ERANGE, "range"),
                ({"class": 2, "values": packed(mine) + "0000"}, errno.ERANGE, ""),
                ({"class": 2, "values": "0000"}, errno.ERANGE, "")):
            fails(number, what, "table-set", {"id": ident, "value-table": [good, bad]})
        assert rows(do("table-get", id=ident)) == lru
        fails(errno.EINVAL, "value-table, lru", "table-set", {"id": ident}, attr="value-table")
    for op in ("table-get", "table-set"):
        more = {"lru": True} if op == "table-set" else {}
        fails(errno.ENOENT, "no such namespace", op, {"id": ident, **more}, attr="id")
        fails(errno.EINVAL, "id or a name", op, more, attr="id")
        fails(errno.EINVAL, "does not take", op, {"id": ident, "mode": 0, **more}, attr="mode")


@test
def policy_settings():
    with namespace("t-policy") as ident, Device("t-policy") as device:
        new = do("table-get", id=ident)
        assert (new["order"], new["sample-one-in"], new["hinted"]) == ("use", 0, 0), new
        before = rows(new)
        do("table-set", id=ident, order="arrival")
        do("table-set", id=ident, sample_one_in=128)
        new = do("table-get", name="t-policy")
        assert (new["order"], new["sample-one-in"]) == ("arrival", 128), new
        assert rows(new) == before
        do("table-set", id=ident, order="use", sample_one_in=1 << 20)
        for wrong in (3, 100, 1 << 21, (1 << 32) - 1):
            fails(errno.EINVAL, "power of two", "table-set",
                  {"id": ident, "order": "arrival", "sample-one-in": wrong}, attr="sample-one-in")
        new = do("table-get", id=ident)
        assert (new["order"], new["sample-one-in"]) == ("use", 1 << 20), new
        # What applications say counts from the first time that one says something.
        assert device.put(key(1), b"x" * 100) == 0
        assert do("table-get", id=ident)["hinted"] == 0
        assert device.put(key(2), b"x" * 100, hint=3) == 0
        assert do("table-get", id=ident)["hinted"] == 1
        fails(errno.EINVAL, "attribute", "table-set", {"id": ident, "hinted": 1}, attr="hinted")
        do("table-set", id=ident, sample_one_in=0)


def sample_kinds(got, ident):
    """(kind, class, size) of each sample, in order; times must not go back"""
    last, out = 0, []
    for name, msg in got:
        assert name == "samples-ntf" and msg["id"] == ident and msg["samples-lost"] == 0, msg
        values = msg["samples"]
        assert len(values) % 3 == 0, values
        for at in range(0, len(values), 3):
            when, info = values[at + 1], values[at + 2]
            assert when >= last and info & 0xffff0000 == 0, values
            last = when
            out.append((info >> 8 & 0xff, info & 0xff, info >> 32))
    return out


@test
def samples():
    miss, hit, put, delete = range(4)
    with namespace("t-sample") as ident, Device("t-sample") as device:
        def work():
            device.get(key(1), 100)
            device.put(key(1), b"x" * 100, hint=2)
            device.get(key(1), 100)
            device.get(key(1), 100)
            device.op(DELETE, key(1))
            _sleep(0.5)  # they come some 20 ms later

        assert events(work, "samples") == []
        do("table-set", id=ident, sample_one_in=1)
        got = sample_kinds(events(work, "samples"), ident)
        assert got == [(miss, 0, 0), (put, 16, 100), (hit, 16, 100), (hit, 17, 100),
                       (delete, 17, 100)], got
        # About one key in 16, and always the same ones
        do("table-set", id=ident, sample_one_in=16)

        def ask():
            for i in range(800):
                device.get(key(i), 10)
            _sleep(0.5)

        got = events(ask, "samples")
        assert 20 <= len(sample_kinds(got, ident)) <= 90, len(got)
        again = events(ask, "samples")

        def hashes(parts):
            return [value for _, msg in parts for value in msg["samples"][::3]]

        assert hashes(got) == hashes(again)
        assert all(value % 16 == 0 for value in hashes(got))


@test
def peer_settings():
    with namespace("t-peers", placement="both", copies=3, peer_share=1) as ident:
        one = ns("t-peers")
        assert (one["placement"], one["copies"], one["peer-share"], one["peer-keep"]) == \
            ("both", 3, 1, 0), one
        do("ns-set", id=ident, placement="owner", peer_keep=1)
        one = ns("t-peers")
        assert (one["placement"], one["copies"], one["peer-share"], one["peer-keep"]) == \
            ("owner", 3, 1, 1), one
        for name, wrong in (("copies", 0), ("copies", 4), ("peer-share", 2), ("peer-keep", 2)):
            fails(errno.ERANGE, "range", "ns-set", {"id": ident, name: wrong}, attr=name)
        assert ns("t-peers") == one
    with namespace("t-peers"):
        one = ns("t-peers")
        assert (one["placement"], one["copies"], one["peer-share"], one["peer-keep"]) == \
            ("local", 1, 0, 0), one


SECRET = "a5" * 32


@test
def cluster_and_peers():
    about = do("cluster-get")["cluster"]
    peer = {"node": 2, "name": "two", "addresses": "10.0.0.2:7471"}
    if "node" not in about:
        fails(errno.EINVAL, "who this node is", "peer-new", {"peer": peer})
    node = {"node": 1, "name": "t", "secret": SECRET, "listen": "10.0.0.1:7471"}
    for name in node:
        fails(errno.EINVAL, "together", "cluster-set",
              {"cluster": {k: v for k, v in node.items() if k != name}})
    for name, wrong in (("node", 65535), ("keepalive-ms", 99), ("keepalive-ms", 60001),
                        ("timeout-ms", 9), ("timeout-ms", 60001), ("hedge-us", 60000001)):
        fails(errno.ERANGE, "", "cluster-set", {"cluster": {**node, name: wrong}}, attr=name)
    fails(errno.EINVAL, "visible ASCII", "cluster-set", {"cluster": {**node, "name": "a b"}})
    fails(errno.EINVAL, "nothing to change", "cluster-set", {"cluster": {}})
    fails(errno.EINVAL, "told, not set", "cluster-set", {"cluster": {"transport": "x"}})
    assert do("cluster-get")["cluster"] == about
    do("cluster-set", cluster={**node, "timeout-ms": 500})
    do("cluster-set", cluster={"hedge-us": 700, "keepalive-ms": 200, "move-rate": 1 << 40})
    about = do("cluster-get")["cluster"]
    # The secret is not told.
    assert about == {"node": 1, "name": "t", "listen": "10.0.0.1:7471", "keepalive-ms": 200,
                     "timeout-ms": 500, "hedge-us": 700, "move-rate": 1 << 40}, about
    do("cluster-set", cluster={"hedge-us": 0, "move-rate": 0, "keepalive-ms": 1000, "timeout-ms": 1000})

    fails(errno.EINVAL, "this node itself", "peer-new", {"peer": {**peer, "node": 1}})
    fails(errno.ERANGE, "from 0 to 65534", "peer-new", {"peer": {**peer, "node": 65535}}, attr="node")
    for name in ("name", "addresses"):
        fails(errno.EINVAL, "are needed", "peer-new", {"peer": {**peer, name: ""}})
    fails(errno.EINVAL, "told, not set", "peer-new", {"peer": {**peer, "credits": 1}})
    do("peer-new", peer=peer)
    fails(errno.EEXIST, "exists", "peer-new", {"peer": peer})
    do("peer-new", peer={**peer, "node": 65534, "name": "last"})
    # From now on this node is who it is; the same may be said again.
    for name, other in (("node", 3), ("name", "u"), ("secret", "a6" * 32), ("listen", "")):
        fails(errno.EBUSY, "another one", "cluster-set", {"cluster": {**node, name: other}})
    do("cluster-set", cluster=node)
    two = do("peer-get", peer={"node": 2})["peer"]
    assert two["name"] == "two" and two["addresses"] == peer["addresses"], two
    assert two["state"] == "down" and two["reason"], two
    assert not any(two[k] for k in ("rails", "in-flight", "gets", "errors", "served-gets",
                                    "bytes-in")), two
    nodes = [p["peer"]["node"] for p in dump("peer-get")]
    assert nodes == [2, 65534], nodes
    for gone in (2, 65534):
        do("peer-del", peer={"node": gone})
        for op in ("peer-del", "peer-get"):
            fails(errno.ENOENT, "no such peer", op, {"peer": {"node": gone}}, attr="node")
    assert dump("peer-get") == []


def owners(*nodes):
    return struct.pack("=16384H", *(nodes[i % len(nodes)] for i in range(16384)))


def the_map(plane=None):
    return do("map-get", **({} if plane is None else {"map": [{"plane": plane}]}))["map"][0]


def plane_of(number, name):
    got = the_map(number)[name]
    return bytes.fromhex(got.replace(" ", "")) if isinstance(got, str) else bytes(got)


@test
def placement_map():
    # An epoch never comes back.
    first = the_map()["epoch"] + 1
    if first == 1:
        fails(errno.ENOENT, "no such map", "map-get", {"map": [{"plane": 0}]})
    fails(errno.EINVAL, "epoch is needed", "map-set", {"map": [{"owners": owners(1).hex()}]})
    fails(errno.EINVAL, "or settled", "map-set", {"map": [{"epoch": 5}]})
    fails(errno.ERANGE, "32768 bytes", "map-set", {"map": [{"epoch": 5, "owners": "0100"}]})
    fails(errno.EINVAL, "before these are missing", "map-set",
          {"map": [{"epoch": 5, "owners2": owners(1).hex()}]})
    fails(errno.EINVAL, "twice", "map-set",
          {"map": [{"epoch": 5}, {"epoch": 6, "owners": owners(1).hex()}]})
    got = events(lambda: do("map-set", map=[{"epoch": first, "owners": owners(1, 2).hex()},
                                            {"owners2": owners(2, 3).hex()},
                                            {"owners3": owners(65535).hex()}]))
    assert [(n, m["map"][0]["epoch"]) for n, m in got] == [("map-changed-ntf", first)], got
    assert plane_of(1, "owners2") == owners(2, 3)
    assert plane_of(2, "owners3") == owners(65535)
    for stale in (first - 1, first):
        fails(errno.ESTALE, "not older", "map-set",
              {"map": [{"epoch": stale, "owners": owners(9).hex()}]})
    do("map-set", map=[{"epoch": first + 1, "owners": owners(4).hex()}])
    assert (the_map()["epoch"], the_map()["previous-epoch"]) == (first + 1, first), the_map()
    assert plane_of(0, "owners") == owners(4) and plane_of(3, "owners") == owners(1, 2)
    fails(errno.ESTALE, "not the epoch", "map-set", {"map": [{"epoch": first, "settled": True}]})
    do("map-set", map=[{"epoch": first + 1, "settled": True}])
    assert the_map()["previous-epoch"] == 0, the_map()
    fails(errno.ENOENT, "no such map", "map-get", {"map": [{"plane": 3}]})
    fails(errno.ERANGE, "", "map-get", {"map": [{"plane": 6}]}, attr="plane")


@test
def arena_set():
    before, floor = int(sysfs("arena_bytes")), int(sysfs("arena_floor_bytes"))
    try:
        do("arena-set", arena={"target": 64 << 20})
        assert (sysfs("arena_bytes"), sysfs("arena_floor_bytes")) == (str(64 << 20), str(floor))
        do("arena-set", arena={"target": 32 << 20, "floor": 16 << 20})
        assert do("stats-get")["arena"]["floor"] == 16 << 20 == int(sysfs("arena_floor_bytes"))
        assert int(sysfs("arena_bytes")) == 32 << 20
        fails(errno.EINVAL, "target or a floor", "arena-set", {"arena": {}}, attr="arena")
        fails(errno.EINVAL, "cannot have", "arena-set", {"arena": {"target": 0}}, attr="target")
        fails(errno.EINVAL, "above the target", "arena-set",
              {"arena": {"target": 16 << 20, "floor": 32 << 20}}, attr="floor")
        fails(errno.EINVAL, "told, not set", "arena-set", {"arena": {"free": 0}}, attr="free")
        fails(errno.EINVAL, "arena is needed", "arena-set", {}, attr="arena")
        fails(errno.EINVAL, "does not take", "arena-set", {"id": 1, "arena": {}}, attr="id")
        assert int(sysfs("arena_bytes")) == 32 << 20
    finally:
        sysfs("arena_floor_bytes", floor)
        sysfs("arena_bytes", before)


@test
def counters_and_histograms():
    with namespace("t-count", quota_blocks=4) as ident, Device("t-count") as device:
        for i in range(6):
            assert device.put(key(i), bytes([i]) * 9000, hint=2, cost=100) == 0
        assert device.put(key(5), b"x") == 0
        assert device.get(key(5), 9000)[0] == 0
        assert device.get(key(77), 9000)[0] == -errno.ENOENT
        assert device.op(DELETE, key(4))[0] == 0
        one = ns("t-count")
        stats = one["stats"]
        assert one["live-blocks"] == one["used-blocks"] == 3, one
        assert one["data-bytes"] == 27000 and one["chunks"] == 1, one
        expected = {"hits": 1, "misses": 1, "puts": 6, "existed": 1, "deletes": 1,
                    "evict-quota": 2, "copied-in": 54000, "copied-out": 9000}
        assert {k: stats[k] for k in expected} == expected, stats
        hist = dump("hist-get", id=ident)
        assert {h["hist"]["class"] // 8 for h in hist} == {2}, hist
        assert all(h["id"] == ident and h["name"] == "t-count" for h in hist)
        assert sum(sum(h["hist"]["evictions"]) for h in hist) == 2, hist
        assert sum(sum(h["hist"]["hits"]) for h in hist) == 1, hist
        assert sum(h["hist"]["blocks"] for h in hist) == 3, hist
        assert sum(h["hist"]["bytes"] for h in hist) == 27000, hist
        assert sum(h["hist"]["hit-cost"] for h in hist) == 100, hist
        assert sum(h["hist"]["hit-bytes"] for h in hist) == 9000, hist
        for one in hist:
            assert do("hist-get", name="t-count", **{"class": one["hist"]["class"]}) == one
            assert all(len(one["hist"][k]) == NR_AGES for k in ("hits", "evictions", "ghost-hits"))
        # Put again soon after the eviction
        assert device.put(key(0), b"z" * 9000, hint=2) == 0
        hist = dump("hist-get", name="t-count")
        assert sum(sum(h["hist"]["ghost-hits"]) for h in hist) == 1, hist
        assert ns("t-count")["stats"]["ghost-hits"] == 1
        with namespace("t-count2"), Device("t-count2") as other:
            assert other.put(key(1), b"1") == 0
            both = dump("hist-get")
            assert {h["name"] for h in both} >= {"t-count", "t-count2"}, both
            assert {h["name"] for h in dump("hist-get", name="t-count2")} == {"t-count2"}
        empty = do("hist-get", id=ident, **{"class": 63})["hist"]
        assert not any(empty["hits"]) and empty["blocks"] == 0, empty
    fails(errno.EINVAL, "class is needed", "hist-get", {"id": 1}, attr="class")
    fails(errno.ERANGE, "range", "hist-get", {"id": 1, "class": 64}, attr="class")
    fails(errno.ENOENT, "no such namespace", "hist-get", {"id": ident, "class": 1}, attr="id")
    fails(errno.ENOENT, "no such namespace", "hist-get", {"id": ident}, kind="--dump")
    fails(errno.EINVAL, "does not take", "hist-get", {"class": 1}, kind="--dump")


@test
def latency():
    def of(opcode):
        return [e["latency"] for e in dump("latency-get") if e["latency"]["opcode"] == opcode]

    def total(entries, what):
        return sum(e[what] for e in entries)

    with namespace("t-lat"), Device("t-lat") as device:
        puts, gets = of(PUT), of(GET)
        for i in range(10):
            assert device.put(key(i), b"a" * 1000) == 0
            assert device.get(key(i), 1000)[0] == 0
        assert device.get(key(99), 1000)[0] == -errno.ENOENT
        assert total(of(PUT), "count") == total(puts, "count") + 10
        assert total(of(PUT), "bytes") == total(puts, "bytes") + 10000
        assert total(of(GET), "count") == total(gets, "count") + 11
        # A miss is no error; a malformed operation is.
        assert total(of(GET), "errors") == total(gets, "errors")
        assert device.put(key(1), b"") == -errno.EINVAL
        assert total(of(PUT), "errors") == total(puts, "errors") + 1
    for entry in (e["latency"] for e in dump("latency-get")):
        assert len(entry["buckets"]) == 128 and sum(entry["buckets"]) == entry["count"] > 0, entry
        starts = [b if b < 4 else (4 + b % 4) << (b // 4 - 1) for b in range(128)]
        low = sum(n * s for n, s in zip(entry["buckets"], starts))
        assert low <= entry["total-ns"] <= low * 1.26 + 4 * entry["count"], entry
    fails(errno.EINVAL, "does not take", "latency-get", {"id": 1}, kind="--dump")


@test
def long_dumps():
    ids = [do("ns-new", name=f"t-many{i}")["id"] for i in range(100)]
    try:
        for extra in ([], ["--dbg-small-recv", "4000"]):
            # With --dbg-small-recv the client tells on standard error about each part.
            with contextlib.redirect_stderr(io.StringIO()) as parts:
                got = dump("ns-get", *extra)
            assert [n["id"] for n in got if n["name"].startswith("t-many")] == ids, got
            assert parts.getvalue().count("Recv") >= (5 if extra else 0), parts.getvalue()
        for i in range(0, 100, 10):
            with Device(f"t-many{i}") as device:
                for hint in range(8):
                    assert device.put(key(hint), b"q" * 700, hint=hint) == 0
        got = [(h["id"], h["hist"]["class"]) for h in dump("hist-get")]
        want = [(ids[i], hint * 8) for i in range(0, 100, 10) for hint in range(8)]
        assert [g for g in got if g[0] in ids] == want, got
    finally:
        for ident in ids:
            do("ns-del", id=ident)


@test
def changed_during_dump():
    ids = [do("ns-new", name=f"t-intr{i}")["id"] for i in range(50)]
    try:
        for interrupt in (False, True):
            # Small reads from a new socket make small parts; one is always made ahead.
            raw = Raw()
            raw.send(4, flags=0x301)
            headers = raw.receive(4096)[0]
            assert headers[-1][0] == raw.family, headers
            if interrupt:
                ids.append(do("ns-new", name="t-intr-new")["id"])
            while headers[-1][0] != 3:
                headers += raw.receive(4096)[0]
            # NLM_F_DUMP_INTR
            assert any(flags & 0x10 for _, flags in headers) == interrupt, headers
    finally:
        for ident in ids:
            do("ns-del", id=ident)


def events(action, group="events"):
    """
    The events that @action causes. It has a client of its own: the one of 6.12 breaks when
    an event comes while it waits for an answer.
    """
    answer = cli("--subscribe", group, "--sleep", "1", during=action)
    assert answer.status == 0, answer
    return [(event["name"], event["msg"]) for event in answer.docs[-1]]


@test
def events_of_namespaces():
    got = events(lambda: do("ns-new", name="t-event"))
    me = {"id": ns("t-event")["id"], "name": "t-event"}
    assert got == [("ns-created-ntf", me)], got
    got = events(lambda: do("ns-set", name="t-event", ttl_ms=1))
    assert got == [("ns-changed-ntf", me)], got
    # What fails, only reads, or sets a table, as policies do all the time, is no event.
    assert events(lambda: do("table-set", name="t-event", lru=True)) == []
    assert events(lambda: ns("t-event")) == []
    assert events(lambda: fails(errno.EEXIST, "exists", "ns-new", {"name": "t-event"})) == []
    got = events(lambda: do("ns-del", name="t-event"))
    assert got == [("ns-deleted-ntf", me)], got


def quiesce_while_open():
    with Device("t-quiet"):
        got = events(lambda: do("quiesce", enable=1))
        assert got == [("quiesce-ntf", {"quiesced": 1, "open-files": 1})], got
        assert sysfs("quiesced") == "1" and do("stats-get")["quiesced"] == 1
        assert sysfs("open_files") == "1"
        try:
            Device("t-quiet").close()
            raise AssertionError("opened while quiesced")
        except OSError as error:
            assert error.errno == errno.ESHUTDOWN, error
        assert do("quiesce", enable=1) == {"quiesced": 1, "open-files": 1}
        got = events(lambda: do("quiesce", enable=0))
        assert got == [("quiesce-ntf", {"quiesced": 0, "open-files": 1})], got


@test
def quiesce():
    with namespace("t-quiet"):
        try:
            quiesce_while_open()
        finally:
            do("quiesce", enable=0)
        Device("t-quiet").close()
    assert sysfs("quiesced") == "0"
    fails(errno.EINVAL, "enable is needed", "quiesce", {}, attr="enable")
    fails(errno.ERANGE, "range", "quiesce", {"enable": 2}, attr="enable")
    fails(errno.EINVAL, "does not take", "quiesce", {"enable": 1, "id": 1}, attr="id")


@test
def event_of_a_corrupt_block():
    """A pin kept over COMMIT lets a writer spoil its own block; that must come out."""
    length = 1 << 16
    with namespace("t-corrupt") as ident, Device("t-corrupt") as device:
        status, _, _, handle, offset = device.op(ALLOC, length=length)
        assert status == 0, status
        memory = mmap.mmap(device.fd, length, mmap.MAP_SHARED, offset=offset)
        memory.write(b"A" * length)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        buffer = device.register(address, length)
        assert device.op(COMMIT, key(1), handle=handle)[0] == 0
        assert device.put(key(2), b"B" * length) == 0
        assert device.get(key(1), length)[0] == 0
        # The read of another block lands in the pages of the first.
        assert device.op(GET, key(2), length=length, buf=buffer)[0] == 0

        def read():
            status, flags = device.get(key(1), length)[:2]
            assert status == -errno.ENOENT and flags & F_CORRUPT, (status, flags)

        got = events(read)
        assert len(got) == 1 and got[0][0] == "corrupt-ntf", got
        assert got[0][1]["id"] == ident and got[0][1]["name"] == "t-corrupt", got
        assert got[0][1]["key"].replace(" ", "") == key(1).hex(), got
        assert ns("t-corrupt")["stats"]["evict-corrupt"] == 1


@test
def event_of_a_full_arena():
    before = int(sysfs("arena_bytes"))
    # What a test before this one had pinned comes back by and by, and would be room.
    deadline = time.monotonic() + 30
    while do("stats-get")["arena"]["quarantined"] and time.monotonic() < deadline:
        _sleep(0.2)

    def fill():
        with namespace("t-full"), Device("t-full") as device:
            for i in range(10):
                assert device.put(key(i), b"f" * (1 << 20)) == 0
            stats = do("stats-get")
            assert stats["watermark"] == "full", stats
        deadline = time.monotonic() + 20
        while do("stats-get")["watermark"] != "room" and time.monotonic() < deadline:
            _sleep(0.2)

    sysfs("arena_bytes", 8 << 20)
    # A guest short of memory would report pressure instead.
    sysfs("arena_floor_bytes", 8 << 20)
    try:
        got = events(fill)
    finally:
        sysfs("arena_floor_bytes", 0)
        sysfs("arena_bytes", before)
    levels = [msg for name, msg in got if name == "watermark-ntf"]
    assert [msg["watermark"] for msg in levels] == ["full", "room"], levels
    assert levels[0]["arena"]["target"] == 8 << 20 == levels[0]["arena"]["allocated"], levels


def as_nobody(function):
    """Exit status of a child that calls @function without privileges"""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            status = 0 if function() else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@test
def nobody_may_do_nothing():
    # Nobody cannot read files in root's cache: have them in memory or where he can.
    with open(CLI) as file:
        client = compile(file.read(), CLI, "exec")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as copy, open(SPEC) as file:
        copy.write(file.read())
        copy.flush()
        os.chmod(copy.name, 0o644)

        def run(*args):
            out = io.StringIO()
            sys.argv = [CLI, "--no-schema", "--spec", copy.name, *args]
            try:
                with contextlib.redirect_stdout(out):
                    exec(client, {"__name__": "__main__", "__file__": CLI})
            except SystemExit:
                pass
            return out.getvalue()

        def listens():
            try:
                run("--subscribe", "events", "--do", "stats-get")
            except PermissionError:
                return True
            return False

        # The same as root: it is the right that is missing, nothing else.
        assert "abi-version" in run("--do", "stats-get")
        for args in (["--do", "stats-get"], ["--dump", "ns-get"], ["--dump", "latency-get"],
                     op_args("--do", "ns-new", {"name": "t-nobody"}),
                     op_args("--do", "quiesce", {"enable": 1})):
            assert as_nobody(lambda args=args: "error: -1\n" in run(*args)) == 0, args
        assert as_nobody(listens) == 0
    assert do("stats-get")["quiesced"] == 0


@test
def strict_requests():
    raw = Raw()
    name = attr(3, b"t-raw\0")
    raw.refused(1, name + attr(60, b"1234"), errno.EINVAL)
    raw.refused(1, name + attr(36, b"1234"), errno.EINVAL)
    raw.refused(1, name + attr(15, b"1234"), errno.EINVAL)      # an answer's attribute
    raw.refused(1, attr(3, b"t-raw"), errno.EINVAL)             # no NUL
    raw.refused(1, name + attr(12, b"12345"), errno.EINVAL)     # not the length of a u32
    raw.refused(1, name + b"xyz\0", errno.EINVAL)               # behind the attributes
    raw.refused(1, name, errno.EINVAL, reserved=1)
    raw.refused(10, attr(3, b"t-raw\0") + attr(24, attr(1, b"\0\0\0\0")), errno.EINVAL)   # no nest flag
    raw.refused(99, b"", errno.EOPNOTSUPP)
    raw.refused(1, name, errno.EOPNOTSUPP, flags=0x305)         # nothing to dump
    raw.refused(12, b"", errno.EOPNOTSUPP)                      # dump only
    raw.refused(15, b"", errno.EOPNOTSUPP)                      # an event
    assert not [n for n in dump("ns-get") if n["name"].startswith("t-raw")]


@test
def sysfs_values():
    target = int(sysfs("arena_bytes"))
    floor = int(sysfs("arena_floor_bytes"))
    try:
        sysfs("arena_bytes", 64 << 20)
        assert sysfs("arena_bytes") == str(64 << 20) == sysfs("arena_limit_bytes")
        sysfs("arena_floor_bytes", 16 << 20)
        assert sysfs("arena_floor_bytes") == str(16 << 20)
        assert do("stats-get")["arena"]["floor"] == 16 << 20
        for value in ("0", str((2 << 20) - 1), str(1 << 60), "-1", "x", "\n"):
            sysfs_refuses("arena_bytes", value)
        sysfs_refuses("arena_floor_bytes", str(65 << 20 << 1))
        assert sysfs("arena_bytes") == str(64 << 20)
    finally:
        sysfs("arena_bytes", target)
        sysfs("arena_floor_bytes", floor)
    for name, low, high in (("expire_interval_ms", 100, 3600000),
                            ("io_timeout_ms", 100, 3600000),
                            ("discard_wait_ms", 100, 3600000),
                            ("ghost_max_entries", 256, 1 << 24)):
        old = sysfs(name)
        for value in (low, high):
            sysfs(name, value)
            assert sysfs(name) == str(value)
        sysfs(name, old)
        for value in (low - 1, high + 1, "-1", "x", 1 << 32):
            sysfs_refuses(name, value)
        assert sysfs(name) == old
    for name in ("open_files", "version", "abi_version", "quiesced", "arena_huge_bytes"):
        assert os.stat(SYSFS + name).st_mode & 0o777 == 0o444, name


def run():
    print("KTAP version 1")
    print(f"1..{len(TESTS)}")
    for number, function in enumerate(TESTS, 1):
        try:
            function()
            word = "ok"
        except BaseException:  # a test that breaks off is one that failed
            word = "not ok"
            for line in traceback.format_exc().splitlines():
                print("# " + line)
        print(f"{word} {number} {function.__name__}", flush=True)


run()
