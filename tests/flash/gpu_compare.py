#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Outside of the machine of scripts/demo-gpu: gpu_compare.py fill|check FOLDER.

fill: random bytes into the first half of the file of the GPU's memory, and a copy of them beside it.
check: they are still there, they are in the second half, too, and each block of them is in the drive's file.
"""

import os
import sys

BLOCK = 256 << 10


def fill(folder):
    half = os.path.getsize(f"{folder}/gpu") // 2
    wanted = os.urandom(half)
    with open(f"{folder}/wanted", "wb") as f:
        f.write(wanted)
    with open(f"{folder}/gpu", "r+b") as f:
        f.write(wanted)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def check(folder):
    wanted, gpu, drive = (read(f"{folder}/{name}") for name in ("wanted", "gpu", "drive"))
    half = len(wanted)
    blocks = [wanted[at:at + BLOCK] for at in range(0, half, BLOCK)]
    back = sum(gpu[half + i * BLOCK:half + (i + 1) * BLOCK] == b for i, b in enumerate(blocks))
    kept = sum(b in drive for b in blocks)
    print(f"outside of the machine: {back} of {len(blocks)} blocks came back to the GPU's memory byte for byte, "
          f"{kept} are in the drive's file")
    if gpu[:half] != wanted:
        print("outside of the machine: the blocks that were put have changed")
        return 1
    return 0 if half and back == kept == len(blocks) else 1


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("fill", "check"):
        sys.exit(__doc__)
    sys.exit(fill(sys.argv[2]) if sys.argv[1] == "fill" else check(sys.argv[2]))


main()
