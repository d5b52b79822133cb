#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Answer the requests of tests/flash/gpu.c: gpu_outside.py DIR, with the files gpu, 1 and 2."""

import mmap
import os
import struct
import sys
import time

MAGIC = 0x7075676D656D766B
REQUEST = struct.Struct("<QQQIIq")


def answer(folder, gpu, at):
    _, off, length, drive, flip, _ = REQUEST.unpack_from(gpu, at)
    wanted = gpu[off:off + length]
    with open(f"{folder}/{drive}", "r+b") as f:
        found = f.read().find(wanted)
        if found >= 0 and flip:
            f.seek(found + length // 2)
            byte = f.read(1)[0]
            f.seek(found + length // 2)
            f.write(bytes([byte ^ 0x10]))
    struct.pack_into("<q", gpu, at + 32, found)
    struct.pack_into("<Q", gpu, at, 0)


def main():
    folder = sys.argv[1]
    with open(f"{folder}/gpu", "r+b") as f:
        gpu = mmap.mmap(f.fileno(), os.fstat(f.fileno()).st_size)
    at = len(gpu) - 4096
    while True:
        if struct.unpack_from("<Q", gpu, at)[0] == MAGIC:
            answer(folder, gpu, at)
        time.sleep(0.02)


main()
