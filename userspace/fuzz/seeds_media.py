#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""seeds_media.py DIR: first inputs of fuzz_media, changes of fields that matter."""
import os
import struct
import sys

SUPER, END, DIR0, DIR1, TABLES = 0, 1, 2, 3, 4


def change(page, at, data):
    return struct.pack("<BHB", page, at, len(data) - 1) + data


def table(segment, index):
    return TABLES + segment * 3 + index


def u32(v):
    return struct.pack("<I", v)


SEEDS = {
    "geometry": change(SUPER, 96, u32(1 << 18) + u32(1 << 22)) + change(END, 96, u32(1 << 18)),
    "generation": change(END, 136, struct.pack("<Q", 9)),
    "slot": change(DIR1, 256, b"\1") + change(DIR1, 260, u32(7)),
    "names": change(DIR1, 256 + 256 + 24, b"alpha\0"),
    "torn": change(table(0, 1) | 0x80, 100, b"torn"),
    "moved": change(table(0, 1), 24, u32(3)),
    "overlap": change(table(0, 0), 64 + 32, u32(1024) + u32(1 << 20)),
    "length": change(table(1, 0), 64 + 36, u32(0xffffffff)),
    "sums": change(table(1, 0), 64 + 2 * 64 + 57, b"\17"),
    "gone": change(table(2, 0), 64 + 3 * 64 + 32, struct.pack("<QII", 12, 2, 4096)),
    "same": change(table(2, 0), 16, struct.pack("<Q", 10)),
}


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(sys.argv[1], name), "wb") as f:
            f.write(data)


main()
