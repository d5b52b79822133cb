#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""profile.py OPERATION [LINES [--own]]: which function executes how many instructions of one operation.

QEMU, one instruction at a time under icount, writes the address of each for a second while the guest repeats the
operation (get, exists, put, lease, map: tests/bench/spin.c). Called by scripts/bench-profile.
"""
import bisect
import collections
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

KERNEL = os.environ.get("KVMEM_PROFILE_KERNEL", "x86")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def wait_for(path, machine):
    while not (os.path.exists(path) and os.path.getsize(path)):
        if machine.poll() is not None:
            sys.exit("bench-profile: the machine ended early")
        time.sleep(0.2)


def record(operation, out):
    """Run the guest, and have QEMU log a second of it."""
    monitor = os.path.join(out, "monitor")
    drive, watch = [], 1
    if operation.startswith(("flash-", "nvme-")):
        # Large batches of large blocks: a few of them shall fit.
        image, watch = os.path.join(out, "drive"), 8
        with open(image, "wb") as f:
            f.truncate(2 << 30)
        drive = ["--device", f"-drive file={image},if=none,id=drive,format=raw,discard=unmap",
                 "--device", "-device nvme,serial=bench,drive=drive"]
    with subprocess.Popen(
            ["scripts/vm", "--kernel", KERNEL, "--icount", "--mem", "1G", "--timeout", "120", "--out", out,
             "--device", f"-monitor unix:{monitor},server=on,wait=off", "--device", "-cpu max,-erms,-fsrm", *drive,
             "--", "scripts/guest-bench", "spin", f"build/modules/{KERNEL}", operation, *sys.argv[3:]],
            cwd=TOP, stderr=subprocess.DEVNULL) as machine:
        wait_for(os.path.join(out, "ready"), machine)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(monitor)
            for command, seconds in ((f"logfile {out}/trace", .3), ("singlestep on", .3), ("log exec,nochain", watch),
                                     ("log none", .3), ("quit", 0)):
                s.sendall((command + "\n").encode())
                time.sleep(seconds)
        machine.wait()


def symbols(out):
    found = []
    with open(os.path.join(out, "kallsyms"), encoding="ascii") as f:
        for line in f:
            address, kind, name = line.split()[:3]
            if kind in "tTwW":
                # One loop, unrolled, with a symbol for each turn
                found.append((int(address, 16), "crc_pcl" if re.fullmatch(r"crc_\d+", name) else name))
    return sorted(found)


def count(out, syms):
    starts = [a for a, _ in syms]
    begin = next(a for a, name in syms if name == "kvmem_op_run")
    where, ops = collections.Counter(), 0
    address = re.compile(r"\[[0-9a-f]+/([0-9a-f]+)/")
    with open(os.path.join(out, "trace"), encoding="ascii", errors="replace") as f:
        for line in f:
            m = address.search(line)
            if not m:
                continue
            pc = int(m.group(1), 16)
            ops += pc == begin
            where["[user]" if pc >> 63 == 0 else syms[bisect.bisect_right(starts, pc) - 1][1]] += 1
    return where, ops


def main():
    operation, lines = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40
    with tempfile.TemporaryDirectory() as out:
        record(operation, out)
        where, ops = count(out, symbols(out))
    if not ops:
        sys.exit("bench-profile: the operation was not seen")
    total = sum(where.values())
    print(f"{operation}: {total / ops:,.0f} instructions an operation, {ops} seen")
    for name, n in where.most_common(lines):
        print(f"{n / ops:10.1f}  {100 * n / total:5.1f} %  {name}")


main()
