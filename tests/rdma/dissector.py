#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""dissector.py WIRE_CAPSULES SCRIPT: frames of RoCEv2 with capsules of each kind, as tshark shows them.

WIRE_CAPSULES makes the capsules by the module's own code; what each field is, is read here from docs/wire.md's table.
"""
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

HEADER, REQUEST = 32, 104
HDR = (("magic", "I"), ("version", "B"), ("type", "B"), ("nr", "H"), ("len", "I"), ("id", "I"), ("credits", "H"),
       ("", "H"), ("crc", "I"), ("", "Q"))
HELLO = (("hello.features", "Q"), ("hello.node", "H"), ("hello.version_min", "H"), ("hello.version_max", "H"), ("", "H"),
         ("hello.keepalive_ms", "I"), ("", "I"), ("hello.cluster", "64s"), ("hello.nonce", "32s"), ("proof", "32s"))
REQ = (("request.name", "64s"), ("request.fingerprint", "32s"), ("request.timeout_ms", "I"), ("", "I"))
OP = (("key", "32s"), ("op.len", "I"), ("op.crc", "I"), ("op.segs", "H"), ("op.hint_class", "B"), ("op.priority", "B"),
      ("op.ttl_ms", "I"), ("op.cost", "I"), ("", "I"))
SEG = (("seg.addr", "Q"), ("seg.rkey", "I"), ("seg.len", "I"))
KEY = (("key", "32s"),)
RESULT = (("result.status", "I"), ("result.size", "I"), ("result.crc", "I"), ("result.cost", "I"), ("result.ttl_ms", "I"),
          ("result.hint_class", "B"), ("result.priority", "B"), ("", "H"), ("", "Q"), ("result.found", "Q"))
STRINGS = ("hello.cluster", "request.name")
ALL = sorted({name for table in (HDR, HELLO, REQ, OP, SEG, RESULT) for name, _ in table if name} | {"bye.reason"})
SEND_ONLY, SEND_INVALIDATE = 0x04, 0x17


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def sealed(capsule):
    capsule = bytearray(capsule)
    capsule[20:24] = bytes(4)
    capsule[20:24] = struct.pack("<I", crc32c(capsule))
    return bytes(capsule)


def checksum16(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame(payload, opcode=SEND_ONLY, psn=0):
    bth = struct.pack(">BBHII", opcode, 0, 0xffff, 0x11, psn)
    ib = bth + (struct.pack(">I", 0x1234) if opcode == SEND_INVALIDATE else b"") + payload + bytes(4)
    udp = struct.pack(">HHHH", 0xc000, 4791, 8 + len(ib), 0) + ib
    ip = bytearray(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0,
                               bytes([10, 77, 0, 1]), bytes([10, 77, 0, 2])))
    ip[10:12] = struct.pack(">H", checksum16(bytes(ip)))
    return bytes(6) + bytes(6) + b"\x08\x00" + bytes(ip) + udp


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, data in enumerate(frames):
            out.write(struct.pack("<IIII", i, 0, len(data), len(data)) + data)


def read(capsule, at, table, into):
    for name, code in table:
        value, = struct.unpack_from("<" + code, capsule, at)
        at += struct.calcsize("<" + code)
        if name in STRINGS:
            value = value.split(b"\0")[0].decode()
        elif isinstance(value, bytes):
            value = value.hex()
        if name:
            into.setdefault(name, []).append(value)
    return at


def expected(capsule):
    """Field -> its values, in order"""
    fields = {}
    at = read(capsule, 0, HDR, fields)
    kind, nr = fields["type"][0], fields["nr"][0]
    if kind in (1, 2):
        at = read(capsule, at, HELLO, fields)
    elif kind == 3:
        at = read(capsule, at, (("proof", "32s"),), fields)
    elif kind == 5:
        at = read(capsule, at, (("bye.reason", "I"), ("", "I")), fields)
    elif kind in (16, 17, 18, 19):
        at = read(capsule, at, REQ, fields)
        for _ in range(nr):
            at = read(capsule, at, KEY if kind == 19 else OP, fields)
        while at < len(capsule):
            at = read(capsule, at, SEG, fields)
    elif kind == 32:
        for _ in range(nr):
            at = read(capsule, at, RESULT, fields)
    assert at == len(capsule), (kind, at, len(capsule))
    return fields


def value(name, text):
    if name in STRINGS:
        return text
    if ":" in text or name in ("key", "proof", "hello.nonce", "request.fingerprint"):
        return text.replace(":", "")
    return int(text, 0)


def shown(pcap, script):
    command = ["tshark", "-X", f"lua_script:{script}", "-r", pcap, "-T", "json", "-e", "_ws.expert.message",
               "-e", "_ws.col.Protocol"]
    for name in ALL:
        command += ["-e", f"kvmem.{name}"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    bad = [line for line in run.stderr.splitlines() if "Lua" in line or "rror" in line]
    assert not bad, bad
    return [packet["_source"]["layers"] for packet in json.loads(run.stdout)]


def main():
    made, script = sys.argv[1:]
    checks = []
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([made, "raw", work], check=True)
        capsules = {p.name: p.read_bytes() for p in sorted(pathlib.Path(work).iterdir())}
        hello, get, ping = capsules["hello"], capsules["get"], capsules["ping"]
        odd = {
            "Wrong checksum": ping[:12] + b"\xff" + ping[13:],
            "Length is not what came": get[:-16],
            "More entries than bytes": sealed(capsules["result"][:6] + b"\3\0" + capsules["result"][8:]),
            "Reserved, and not 0": sealed(hello[:HEADER + 14] + b"\1\0" + hello[HEADER + 16:]),
            "Unknown type or version": sealed(ping[:5] + b"\x09" + ping[6:]),
        }
        frames = [frame(c, SEND_INVALIDATE if name == "result" else SEND_ONLY, i)
                  for i, (name, c) in enumerate(capsules.items())]
        frames += [frame(c) for c in odd.values()] + [frame(b"VMWK" + ping[4:]), frame(get[:31])]
        write_pcap(f"{work}/pcap", frames)
        packets = shown(f"{work}/pcap", script)
    assert len(packets) == len(frames)
    for (name, capsule), packet in zip(capsules.items(), packets):
        want = expected(capsule)
        got = {n: [value(n, v) for v in packet[f"kvmem.{n}"]] for n in ALL if f"kvmem.{n}" in packet}
        # BYE, PROOF: a name that two kinds share is there once
        checks.append((name, got == want and "_ws.expert.message" not in packet,
                       {n: (got.get(n), want.get(n)) for n in set(got) | set(want) if got.get(n) != want.get(n)}))
    rest = packets[len(capsules):]
    for what, packet in zip(odd, rest):
        checks.append((what, what in packet.get("_ws.expert.message", []), packet.get("_ws.expert.message")))
    for what, packet in zip(("another magic", "too short"), rest[len(odd):]):
        checks.append((what, "kvmem.magic" not in packet, packet))
    print(f"1..{len(checks)}")
    for i, (name, ok, why) in enumerate(checks, 1):
        print(f"{'ok' if ok else 'not ok'} {i} {name}" + ("" if ok else f"\n# {why}"))
    return not all(ok for _, ok, _ in checks)


if __name__ == "__main__":
    sys.exit(main())
