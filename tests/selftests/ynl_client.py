# SPDX-License-Identifier: GPL-2.0
"""
What the tests of ynl_cli.sh stand on: the kernel's client, the device, sysfs, raw netlink.

The client is run as it is, but inside this process: starting Python and
reading the specification a hundred times would take minutes in a guest.
"""
import contextlib
import ctypes
import errno
import fcntl
import io
import json
import os
import re
import runpy
import socket
import struct
import sys
import time

import yaml

CLI, KERNEL_SPECS, SPEC = sys.argv[1:4]
SYSFS = "/sys/class/misc/kvmem/"
sys.path.insert(0, os.path.dirname(CLI))
NR_CLASSES, NR_AGES = 64, 32

# --- the client ---

_parsed = {}
_safe_load = yaml.safe_load
_sleep = time.sleep


def cached_load(stream):
    name = getattr(stream, "name", None)
    if name not in _parsed:
        _parsed[name] = json.dumps(_safe_load(stream))
    return json.loads(_parsed[name])


yaml.safe_load = cached_load


class Answer:
    """What the client printed, and the error in it"""

    def __init__(self, status, text):
        self.status, self.text = status, text
        found = re.search(r"error: -(\d+)", text)
        self.errno = int(found.group(1)) if found else 0
        self.docs = [json.loads(line) for line in text.splitlines() if line] if not status else []

    def __repr__(self):
        return f"status {self.status}: {self.text}"


def cli(*args, spec=SPEC, during=None):
    """Run the client; @during replaces the sleep that --sleep asks for."""
    out, status = io.StringIO(), 0
    sys.argv = [CLI, "--no-schema", "--spec", spec, "--output-json", *args]
    if during:
        time.sleep = lambda _: during()
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path(CLI, run_name="__main__")
    except SystemExit as end:
        status = end.code or 0
    finally:
        time.sleep = _sleep
    return Answer(status, out.getvalue())


def op_args(kind, op, attrs):
    return [kind, op] + (["--json", json.dumps(attrs)] if attrs else [])


def do(op, **attrs):
    """A command that must work; dashes are written as underscores."""
    answer = cli(*op_args("--do", op, {k.replace("_", "-"): v for k, v in attrs.items()}))
    assert answer.status == 0, answer
    return answer.docs[0]


def dump(op, *extra, **attrs):
    answer = cli(*op_args("--dump", op, attrs), *extra)
    assert answer.status == 0, answer
    return answer.docs[0]


def fails(number, what, op, attrs=None, kind="--do", attr=None):
    """A command that must fail with this errno, this text, and this attribute blamed"""
    answer = cli(*op_args(kind, op, attrs or {}))
    assert answer.status != 0 and answer.errno == number, (op, attrs, answer)
    assert "'msg': '" in answer.text, ("no message", op, attrs, answer)
    assert what in answer.text, (op, attrs, answer)
    # A dump's last message had no room for the attribute before 6.12.
    if attr and kind == "--do":
        assert re.search(rf"'(bad-attr|miss-type)': '[^']*{attr}'", answer.text), (op, attrs, answer)


@contextlib.contextmanager
def namespace(name, **settings):
    ident = do("ns-new", name=name, **settings)["id"]
    try:
        yield ident
    finally:
        do("ns-del", id=ident)


def ns(name):
    return do("ns-get", name=name)


# --- the device ---

OP = struct.Struct("=HHI32sQQQQBBHIIIIiHBBIQQQ")
NOP, GET, PUT, DELETE = 0, 1, 2, 3
ALLOC, COMMIT = 9, 10
F_CORRUPT = 4


def iowr(number, size):
    return 3 << 30 | size << 16 | 0xBE << 8 | number


class Device:
    """An open file, attached"""

    def __init__(self, name):
        self.fd = os.open("/dev/kvmem", os.O_RDWR)
        arg = bytearray(struct.pack("=II64s32sII", 112, 0, name.encode(), bytes(32), 0, 0))
        try:
            fcntl.ioctl(self.fd, iowr(1, 112), arg)
        except OSError:
            self.close()
            raise

    def close(self):
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def op(self, opcode, key=b"", addr=0, length=0, buf=0, handle=0, hint=0, cost=0):
        """One operation: (status, res_flags, bytes, res_handle, mmap_offset)"""
        op = ctypes.create_string_buffer(OP.pack(
            opcode, 0, buf, key, addr, length, 0, handle, hint, 0, 0, 0, cost, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0), OP.size)
        arg = bytearray(struct.pack("=IIQIIII", 32, 0, ctypes.addressof(op), 1, OP.size, 0, 0))
        fcntl.ioctl(self.fd, iowr(4, 32), arg)
        out = OP.unpack(op.raw)
        return out[15], out[16], out[20], out[21], out[22]

    def put(self, key, data, **more):
        mem = ctypes.create_string_buffer(data, len(data))
        return self.op(PUT, key, ctypes.addressof(mem), len(data), **more)[0]

    def get(self, key, length):
        mem = ctypes.create_string_buffer(length)
        return self.op(GET, key, ctypes.addressof(mem), length)

    def register(self, addr, length):
        arg = bytearray(struct.pack("=IIIiQQII", 40, 0, 0, 0, addr, length, 0, 0))
        fcntl.ioctl(self.fd, iowr(2, 40), arg)
        return struct.unpack("=IIIiQQII", arg)[6]


def key(number):
    return struct.pack(">I28x", number)


# --- sysfs ---

def sysfs(name, value=None):
    if value is None:
        with open(SYSFS + name) as file:
            return file.read().strip()
    with open(SYSFS + name, "w") as file:
        file.write(str(value))
    return None


def sysfs_refuses(name, value):
    try:
        sysfs(name, value)
    except OSError as error:
        assert error.errno in (errno.EINVAL, errno.ERANGE), (name, value, error)
        return
    raise AssertionError((name, value, "was taken"))


# --- netlink by hand, for what the client would not send ---

class Raw:
    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.bind((0, 0))
        self.sock.setsockopt(270, 11, 1)
        self.family = family()["family-id"]

    def send(self, cmd, attrs=b"", flags=5, reserved=0):
        length = 20 + len(attrs)
        self.sock.send(struct.pack("=IHHIIBBH", length, self.family, flags, 1, 0, cmd, 1, reserved)
                       + attrs)

    def receive(self, size=65536):
        """Headers (type, flags) of the messages of one datagram, and the datagram"""
        data, headers, at = self.sock.recv(size), [], 0
        while at < len(data):
            length, kind, flags = struct.unpack_from("=IHH", data, at)
            headers.append((kind, flags))
            at += (length + 3) & ~3
        return headers, data

    def refused(self, cmd, attrs, number, **more):
        self.send(cmd, attrs, **more)
        data = self.receive()[1]
        kind, = struct.unpack_from("=H", data, 4)
        error, = struct.unpack_from("=i", data, 16)
        assert kind == 2 and error == -number, (cmd, attrs, kind, error)


def attr(kind, data):
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def family():
    answer = cli("--do", "getfamily", "--json", '{"family-name": "kvmem"}',
                 spec=KERNEL_SPECS + "/specs/nlctrl.yaml")
    assert answer.status == 0, answer
    return answer.docs[0]
