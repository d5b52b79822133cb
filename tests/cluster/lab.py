# SPDX-License-Identifier: GPL-2.0
"""Machines that are the nodes of a cluster: booted, linked, asked, cut off, killed, judged.

A node is a scripts/vm of its own, whose network card is a port of build/cluster/switch. It and this side share a
directory (/mnt/out inside): the agent in it reads commands from the file "do", a line each, and appends its answers to
"done". Who is killed is so by SIGKILL of its QEMU, as scripts/vm --kill-when does it.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"


class Trouble(Exception):
    """The lab itself failed, or a node did: nothing more can be said about the cluster."""


def klog_bad():
    """What must not be in a kernel log, as the lanes in bash know it."""
    text = subprocess.run(["bash", "-c", f". {TOP}/scripts/lib/klog.sh; printf %s \"$klog_bad\""],
                          check=True, capture_output=True, text=True).stdout
    return re.compile(text)


def in_group():
    """A child's last will: to end with this process, whatever happens to it."""
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def wait_for(what, seconds, condition, pause=0.02):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Trouble(f"{what}: not within {seconds} s")
        time.sleep(pause)


class Switch:
    """The network: a port for each node, numbered as the nodes are, from 1."""

    def __init__(self, ports):
        # Short: the address of a unix socket has room for 107 bytes.
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kvmem-net."))
        self.marks = 0
        self.process = subprocess.Popen([BUILD / "cluster/switch", self.dir, str(ports)], preexec_fn=in_group)
        wait_for("switch", 10, (self.dir / "mark").exists)

    def qemu(self, port):
        return [f"-netdev stream,id=n0,server=off,addr.type=unix,addr.path={self.dir}/port.{port}",
                f"-device virtio-net-pci,netdev=n0,mac=52:54:00:4b:56:{port:02x},host_mtu=9000"]

    def tell(self, *lines):
        """Returns when it is so."""
        self.marks += 1
        with open(self.dir / "control", "w", encoding="ascii") as control:
            control.write("".join(f"{line}\n" for line in (*lines, f"mark {self.marks}")))
        wait_for("switch", 10, lambda: (self.dir / "mark").read_text() == str(self.marks), 0.002)

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        counts = self.dir / "counts"
        text = counts.read_text().strip() if counts.exists() else "none"
        shutil.rmtree(self.dir)
        return text


class Cable:
    """Two nodes and a wire between them: no switch in the way of what is measured."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="kvmem-net."))

    def qemu(self, port):
        side = "on" if port == 1 else "off"
        if port == 2:
            wait_for("the first machine", 30, (self.dir / "wire").exists)
        return [f"-netdev stream,id=n0,server={side},addr.type=unix,addr.path={self.dir}/wire",
                f"-device virtio-net-pci,netdev=n0,mac=52:54:00:4b:56:{port:02x},host_mtu=9000"]

    def close(self):
        shutil.rmtree(self.dir)
        return "a cable"


class Answer:
    """Of a command that was sent; wait() returns its words, or raises Trouble."""

    def __init__(self, node, number, text):
        self.node, self.number, self.text = node, number, text
        self.sent = time.monotonic()

    def ready(self):
        self.node.read_answers()
        return self.number in self.node.answers

    def wait(self, seconds=60):
        def ended():
            if self.ready():
                return True
            if self.node.process.poll() is not None and not self.ready():
                raise Trouble(f"node {self.node.number} ended during: {self.text}")
            return False
        wait_for(f"node {self.node.number}: {self.text}", seconds, ended, 0.005)
        return self.node.answers.pop(self.number)


class Node:
    """One node: as many machines, one after another, as it is booted."""

    def __init__(self, cluster, number):
        self.cluster, self.number = cluster, number
        self.boots = 0
        self.process = None
        self.dir = None

    @property
    def address(self):
        return f"10.77.0.{self.number}"

    def boot(self, command):
        c = self.cluster
        self.boots += 1
        self.dir = c.out / (f"node{self.number}" + (f".boot{self.boots}" if self.boots > 1 else ""))
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        (self.dir / "do").touch()
        self.answers, self.sent, self.got = {}, 0, 0
        devices = [w for d in c.net.qemu(self.number) + c.devices(self.number) for w in ("--device", d)]
        env = [w for k, v in c.env.items() for w in ("--env", f"{k}={v}")]
        with open(self.dir / "output", "wb") as output:
            self.process = subprocess.Popen(
                [TOP / "scripts/vm", "--kernel", c.kernel, "--mem", c.mem, "--smp", str(c.smp), "--timeout",
                 str(c.seconds), "--out", self.dir, "--kill-when", "die", "--env", f"KVMEM_NODE={self.number}",
                 *env, *devices, "--", *command],
                cwd=TOP, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, preexec_fn=in_group)

    def up(self):
        if self.process.poll() is not None:
            raise Trouble(f"node {self.number} ended while it booted (status {self.process.returncode}):\n{self.tail()}")
        return (self.dir / "up").exists()

    def tail(self):
        return "".join((self.dir / "output").read_text(errors="replace").splitlines(True)[-25:])

    def send(self, text):
        self.sent += 1
        with open(self.dir / "do", "a", encoding="ascii") as do:
            do.write(f"{self.sent} {text}\n")
        return Answer(self, self.sent, text)

    def ask(self, text, seconds=60):
        return self.send(text).wait(seconds)

    def sh(self, command, seconds=60):
        """A shell command in the machine; its output. It must succeed."""
        status, _, text = self.ask(f"sh {command}", seconds).partition(" ")
        if status != "0":
            raise Trouble(f"node {self.number}: {command}: status {status}: {text}")
        return text.replace("\t", "\n")

    def read_answers(self):
        path = self.dir / "done"
        if not path.exists():
            return
        with open(path, "rb") as done:
            done.seek(self.got)
            data = done.read()
        whole = data.rfind(b"\n") + 1
        self.got += whole
        for line in data[:whole].decode("ascii", "replace").splitlines():
            number, _, text = line.partition(" ")
            self.answers[int(number)] = text

    def kill(self):
        """As a power cut would."""
        (self.dir / "die").touch()
        rc = self.process.wait(30)
        if rc != 137:
            raise Trouble(f"node {self.number} was not killed but ended with {rc}:\n{self.tail()}")

    def end(self, seconds=90):
        """Asks it to end, and waits."""
        if self.process.poll() is None:
            self.send("quit")
        return self.process.wait(seconds)

    def log_trouble(self):
        log = self.dir / "console.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else ["no console.log: BUG: of the lab"]
        at = [i for i, line in enumerate(lines) if self.cluster.bad.search(line)]
        return lines[at[0]:at[0] + 30] if at else []


class Cluster:
    """N nodes on one network. `command` is what each runs once it has booted."""

    def __init__(self, nodes, kernel="x86", out=BUILD / "logs/cluster.d", mem="512M", smp=1, seconds=300, net=None,
                 env=None, devices=lambda number: [], command=None):
        self.kernel, self.out, self.mem, self.smp, self.seconds = kernel, pathlib.Path(out), mem, smp, seconds
        self.env, self.devices = env or {}, devices
        self.command = command or [TOP / "scripts/guest-node", "agent"]
        self.bad = klog_bad()
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        self.net = net or Switch(nodes)
        self.nodes = [Node(self, n) for n in range(1, nodes + 1)]
        self.ended = []

    def __getitem__(self, number):
        return self.nodes[number - 1]

    def __iter__(self):
        return iter(self.nodes)

    def boot(self, numbers=None):
        """All at once, or some."""
        chosen = [self[n] for n in numbers] if numbers else self.nodes
        for node in chosen:
            node.boot(self.command)
        return chosen

    def start(self, numbers=None, seconds=180):
        chosen = self.boot(numbers)
        wait_for("boot", seconds, lambda: all([n.up() for n in chosen]), 0.05)
        return chosen

    def kill(self, number):
        node = self[number]
        node.kill()
        self.ended.append((node, node.dir, 137))
        trouble = node.log_trouble()
        if trouble:
            raise Trouble(f"node {number}: trouble in the log of the machine that was killed:\n" + "\n".join(trouble))

    def running(self):
        return [n for n in self.nodes if n.process and n.process.poll() is None]

    def finish(self, seconds=120):
        """Ends what runs and judges all: pairs (what, what is wrong or None)."""
        verdicts = []
        running = self.running()
        for node in running:
            node.send("quit")
        for node in self.nodes:
            if not node.process or (node, node.dir, 137) in self.ended:
                continue
            wrong = None
            try:
                rc = node.process.wait(seconds)
            except subprocess.TimeoutExpired:
                rc, wrong = None, f"no end within {seconds} s"
            verdict = node.dir / "verdict"
            verdict = verdict.read_text().strip() if verdict.exists() else "none"
            if wrong is None and (rc != 0 or not re.match("PASS( |$)", verdict)):
                wrong = f"exit status {rc}, verdict: {verdict}"
            trouble = node.log_trouble()
            if trouble:
                wrong = (wrong or "") + " trouble on the console:\n" + "\n".join(trouble)
            verdicts.append((f"node {node.number}", wrong))
        return verdicts

    def close(self):
        for node in self.running():
            node.process.terminate()
        for node in self.nodes:
            if node.process:
                node.process.wait(30)
        return self.net.close()
