#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""seeds.py DIR: first inputs of fuzz_netlink, one well-formed message of each kind."""
import os
import re
import struct
import sys

TOP = os.path.dirname(os.path.abspath(__file__)) + "/../.."
FAMILY = 30


def enums():
    """Names of the interface's enums and their numbers."""
    out = {}
    with open(TOP + "/uapi/linux/kvmem_netlink.h") as f:
        text = f.read()
    for body in re.findall(r"enum \w+ \{(.*?)\};", text, re.S):
        n = 0
        for name, value in re.findall(r"(\w+)(?: = (\d+))?,", body):
            n = int(value) if value else n
            out[name[6:]] = n
            n += 1
    return out


E = enums()


def attr(name, data):
    pad = b"\0" * (-len(data) % 4)
    return struct.pack("=HH", len(data) + 4, E[name]) + data + pad


def u8(name, v):
    return attr(name, struct.pack("=B", v))


def u32(name, v):
    return attr(name, struct.pack("=I", v))


def u64(name, v):
    return attr(name, struct.pack("=Q", v))


def words(name, n):
    return attr(name, struct.pack("=%dQ" % n, *range(n)))


def message(cmd, body, flags=0):
    data = struct.pack("=BBH", E[cmd], 1, 0) + body
    return struct.pack("=IHHII", len(data) + 16, FAMILY, flags, 0, 0) + data


def control(kind, body, flags=0):
    return struct.pack("=IHHII", len(body) + 16, kind, flags, 0, 0) + body


def seeds():
    name = attr("A_NAME", b"n\0")
    obj = u32("A_ID", 1) + name
    stats = attr("A_STATS", b"".join(u64("A_STATS_" + s, 7) for s in ("HITS", "MISSES", "PUTS")))
    ns = obj + u32("A_UID", 0) + attr("A_MODE", b"\x80\1") + attr("A_FINGERPRINT", bytes(32)) + \
        u64("A_QUOTA_BYTES", 1 << 30) + u32("A_POOL_ID", 1) + u8("A_FLASH_MODE", 2) + \
        u64("A_FLASH_QUOTA_BYTES", 1 << 31) + u64("A_FLASH_BLOCKS", 3) + u64("A_FLASH_BYTES", 12288) + stats
    arena = attr("A_ARENA", u64("A_ARENA_TARGET", 1 << 26) + u64("A_ARENA_LIMIT", 1 << 26))
    hist = attr("A_HIST", u32("A_HIST_CLASS", 9) + words("A_HIST_HITS", 32) +
                words("A_HIST_EVICTIONS", 32) + words("A_HIST_GHOST_HITS", 32) +
                u64("A_HIST_BLOCKS", 3))
    row = attr("A_VALUE_TABLE", u32("A_VALUES_CLASS", 5) + attr("A_VALUES_VALUES", bytes(64)))
    lat = attr("A_LATENCY", u32("A_LAT_OPCODE", 1) + u32("A_LAT_TIER", 0) +
               words("A_LAT_BUCKETS", 128))
    nest = attr("A_MEDIA_LABEL", b"l\0") + attr("A_MEDIA_BACKEND", b"bdev\0") + u64("A_MEDIA_BYTES", 1 << 30) + \
        u32("A_MEDIA_SEGMENTS", 16) + u32("A_MEDIA_SEGMENTS_BAD", 1) + u64("A_MEDIA_PUT_BYTES", 4096) + \
        u32("A_MEDIA_WRITE_AMPLIFICATION", 1000) + u64("A_MEDIA_BUDGET_TOKENS", (1 << 64) - 5) + \
        u32("A_MEDIA_HEALTH_USED_PERCENT", 3) + u32("A_MEDIA_LIFE_DAYS", 900)
    media = obj + attr("A_PATH", b"/dev/x\0") + attr("A_UUID", bytes(range(16))) + u8("A_STATE", 1) + \
        u64("A_WRITE_BUDGET", 1 << 40) + attr("A_MEDIA", nest)
    ack = control(2, struct.pack("=i", 0) + bytes(16))
    text = struct.pack("=HH", 12, 1) + b"no good\0"
    refusal = control(2, struct.pack("=i", -22) + bytes(16) + text, 0x300)
    done = control(3, struct.pack("=i", 0), 2)
    samples = attr("A_SAMPLES", struct.pack("=6Q", 64, 1000, 4096 << 32 | 0x105, 128, 2000, 3))
    return {
        "ns": (0, message("CMD_NS_GET", ns) + ack),
        "pool": (0, message("CMD_POOL_GET", obj + u8("A_SHARE", 1)) + ack),
        "stats": (0, message("CMD_STATS_GET", attr("A_VERSION", b"1\0") + arena) + ack),
        "media": (0, message("CMD_MEDIA_GET", media) + ack),
        "table": (0, message("CMD_TABLE_GET", obj + row + u8("A_HINTED", 1)) + ack),
        "refusal": (0, refusal),
        "no_errno": (0, control(2, struct.pack("=i", -1 << 31) + bytes(16), 0x300)),
        "no_errno_end": (1, control(3, struct.pack("=i", -1 << 31), 2)),
        "dump": (1, message("CMD_NS_GET", ns, 2) + message("CMD_NS_GET", ns, 0x12) + done),
        "media_dump": (1, message("CMD_MEDIA_GET", media, 2) + done),
        "hist": (1, message("CMD_HIST_GET", obj + hist, 2) + done),
        "latency": (1, message("CMD_LATENCY_GET", lat, 2) + done),
        "created": (2, message("CMD_NS_CREATED_NTF", obj)),
        "changed": (2, message("CMD_NS_CHANGED_NTF", obj)),
        "media_attached": (2, message("CMD_MEDIA_ATTACHED_NTF", obj + u8("A_STATE", 0))),
        "media_changed": (2, message("CMD_MEDIA_CHANGED_NTF", obj + u8("A_STATE", 3))),
        "corrupt": (2, message("CMD_CORRUPT_NTF", obj + attr("A_KEY", bytes(32)))),
        "watermark": (2, message("CMD_WATERMARK_NTF", u32("A_WATERMARK", 1) + arena)),
        "quiesce": (2, message("CMD_QUIESCE_NTF", u8("A_QUIESCED", 1) + u32("A_OPEN_FILES", 2))),
        "family": (2, control(16, struct.pack("=BBH", 2, 2, 0) + struct.pack("=HHHH", 6, 1, 30, 0) +
                              struct.pack("=HH", 10, 2) + b"kvmem\0\0\0")),
        "samples": (3, message("CMD_SAMPLES_NTF", u32("A_ID", 1) + samples +
                               u64("A_SAMPLES_LOST", 2))),
    }


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, (mode, data) in seeds().items():
        with open(os.path.join(sys.argv[1], name), "wb") as f:
            f.write(bytes([mode]) + data)


main()
