#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Scenarios on a cluster of machines. Prints KTAP; status 0 when all passed.

scenarios.py --nodes N [--kernel K] [--out DIR] [--seconds S] [--mem 512M] [--seed N] NAME...

    basics   put anywhere, get everywhere, delete, a namespace that is not shared, loss, delay, doubles, disorder
    events   S seconds of random crashes, returns, cuts, with a record of every put: no wrong byte, no operation beyond
             the bound, and after each event the hit rate that the placement allows
"""
import argparse
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import lab  # noqa: E402
import model  # noqa: E402

TIMEOUT_MS = 500
KEEPALIVE_MS = 200
OWNERS_MAX = 6
# An emulated machine on a busy host may not run for so long.
SLACK_MS = 3000
BLOCK = 16384


class Tests:
    def __init__(self):
        self.number = self.failed = 0

    def result(self, good, name, remark=""):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}{' # ' + remark if remark else ''}", flush=True)


class Run:
    """A cluster with the same map and namespace on each node, and what it must answer."""

    def __init__(self, tests, args):
        self.tests, self.args = tests, args
        self.random = random.Random(args.seed)
        self.cluster = lab.Cluster(args.nodes, args.kernel, args.out, args.mem, 1, args.seconds + 400)
        self.numbers = list(range(1, args.nodes + 1))
        self.copies = min(2, args.nodes)
        self.model = model.Model(self.copies, self.numbers)
        self.next_key, self.epoch = 1, 0
        self.wrong = self.operations = self.errors = 0
        self.longest_us = 0

    # --- configuration ---

    def ok(self, answers):
        for a in answers:
            text = a.wait()
            if text.split(" ")[0] != "0":
                raise lab.Trouble(f"node {a.node.number}: {a.text}: {text}")

    def join(self, number):
        """Makes a node that has just booted part of the cluster."""
        node = self.cluster[number]
        self.ok([node.send(f"cluster {number} lab secret {node.address}:7471 {KEEPALIVE_MS} {TIMEOUT_MS} 0 0")])
        self.ok([node.send("ns shared 1 %d 1 0" % self.copies)])
        self.ok([node.send(f"peer {n} {self.cluster[n].address}:7471") for n in self.numbers if n != number])

    def push_map(self, nodes, fresh=()):
        """Another map, of these nodes, to all that live; `fresh` ones have none yet."""
        self.epoch += 1
        new = model.Map(self.epoch, nodes)
        self.model.set_map(new, fresh)
        self.give_map(new, sorted(self.model.alive))

    def give_map(self, new, numbers):
        nr, data = new.planes()
        answers = []
        for n in numbers:
            (self.cluster[n].dir / "map").write_bytes(data)
            answers.append(self.cluster[n].send(f"map {self.epoch} {nr} map"))
        self.ok(answers)

    def states(self, number):
        """Of the peers of a node: {node: up?}"""
        words = self.cluster[number].ask("peers").split()
        return {int(w.split(":")[0]): w.split(":")[1] != "0" for w in words}

    def wait_states(self, seconds=40):
        """Until each node knows whom it can reach."""
        def agreed():
            for a in sorted(self.model.alive):
                for b, up in self.states(a).items():
                    if up != self.model.reaches(a, b):
                        self.last = f"node {a} has node {b} {'up' if up else 'down'}"
                        return False
            return True
        try:
            lab.wait_for("peers' states", seconds, agreed, 0.1)
        except lab.Trouble as e:
            raise lab.Trouble(f"{e}: {self.last}") from e

    # --- operations ---

    def take(self, answer, count):
        """Checks an answer's time and letters."""
        words = answer.wait(120).split(" ")
        if len(words) != 4 or len(words[2]) != count:
            raise lab.Trouble(f"node {answer.node.number}: {answer.text[:60]}: {' '.join(words)[:200]}")
        self.operations += count
        self.longest_us = max(self.longest_us, int(words[0]))
        self.wrong += words[2].count("w")
        self.errors += words[2].count("x")
        if "x" in words[2]:
            print(f"# node {answer.node.number}: {answer.text[:60]}: errors {words[3][:100]}")
        return words[2]

    def keys_text(self, keys):
        return ",".join(map(str, keys))

    def put_some(self, each, steady=True):
        """Each living node puts `each` new blocks, all nodes at once."""
        sent = []
        for n in sorted(self.model.alive):
            keys = list(range(self.next_key, self.next_key + each))
            self.next_key += each
            sent.append((n, keys, self.cluster[n].send(f"put shared {BLOCK} {self.keys_text(keys)}")))
        for n, keys, answer in sent:
            for key, letter in zip(keys, self.take(answer, len(keys))):
                self.model.put(n, key, steady and letter in "0123")

    def get_some(self, each, judged=True):
        """Each living node gets `each` blocks of all; how many hits there were, and how many the model says."""
        hits = expected = asked = 0
        sent = []
        for n in sorted(self.model.alive):
            keys = self.random.sample(sorted(self.model.holders), min(each, len(self.model.holders)))
            sent.append((n, keys, self.cluster[n].send(f"get shared {BLOCK} {self.keys_text(keys)}")))
        for n, keys, answer in sent:
            for key, letter in zip(keys, self.take(answer, len(keys))):
                if key in self.model.unsure or not judged:
                    continue
                asked += 1
                hits += letter in "0123"
                expected += self.model.finds(n, key)
        return hits, expected, asked

    def judge_hits(self, name, each):
        hits, expected, asked = self.get_some(each)
        good = asked > 0 and abs(hits - expected) * 50 <= asked
        self.tests.result(good, name, f"{hits} hits of {asked}, the placement allows {expected}")

    def judge_all(self):
        bound = TIMEOUT_MS * OWNERS_MAX + SLACK_MS
        self.tests.result(self.wrong == 0 and self.operations > 0, "no wrong byte",
                          f"{self.operations} operations, {self.wrong} wrong, {self.errors} errors")
        self.tests.result(self.errors == 0, "no operation failed")
        self.tests.result(0 < self.longest_us <= bound * 1000, "no operation beyond the bound",
                          f"{self.longest_us // 1000} ms of {bound} ms")

    def finish(self):
        for what, wrong in self.cluster.finish():
            self.tests.result(wrong is None, f"{what} ends well", "" if wrong is None else "see below")
            if wrong:
                print("".join(f"# {line}\n" for line in wrong.splitlines()[:40]))


# --- scenarios ---

def start(run):
    run.cluster.start()
    for n in run.numbers:
        run.join(n)
    run.push_map(run.numbers, run.numbers)
    run.wait_states()


def basics(run):
    run.put_some(20)
    run.judge_hits("put anywhere, get everywhere", 20)
    for name, what in (("1 % loss", "loss 1%"), ("10 ms delay", "delay 10ms"), ("doubled packets", "duplicate 5%"),
                       ("packets in disorder", "delay 2ms reorder 25% 50%")):
        for node in run.cluster:
            node.sh(f"modprobe -q sch_netem; tc qdisc replace dev eth0 root netem {what} limit 20000")
        run.put_some(4)
        run.judge_hits(name, 12)
    for node in run.cluster:
        node.sh("tc qdisc del dev eth0 root")
    gone = list(range(1, 11))
    run.take(run.cluster[1].send(f"del shared {BLOCK} {run.keys_text(gone)}"), len(gone))
    found = 0
    for n in run.numbers:
        letters = run.take(run.cluster[n].send(f"get shared {BLOCK} {run.keys_text(gone)}"), len(gone))
        found += len(gone) - letters.count("m")
    run.tests.result(found == 0, "what one deleted is nowhere", f"{found} found")
    for key in gone:
        run.model.holders.pop(key, None)
    for node in run.cluster:
        run.ok([node.send("ns own 1 1 0 0")])
    letters = run.take(run.cluster[1].send(f"put own {BLOCK} 1-20"), 20)
    local = run.take(run.cluster[1].send(f"get own {BLOCK} 1-20"), 20)
    other = run.take(run.cluster[2].send(f"get own {BLOCK} 1-20"), 20)
    run.tests.result(letters.count("x") == 0 and local.count("m") == 0 and other == "m" * 20,
                     "a namespace that is not shared stays with its node", f"{letters} {local} {other}")


def event(run):
    """One thing happens; its name."""
    m, rnd = run.model, run.random
    dead = [n for n in run.numbers if n not in m.alive]
    choices = []
    if not dead and not m.cut:
        choices += ["crash", "crash", "cut", "one way"]
    if dead:
        choices += ["return"]
        if not m.cut and set(m.map.nodes) & set(dead):
            choices += ["leave"]
    if m.cut:
        choices += ["heal"]
    what = rnd.choice(choices)
    if what == "crash":
        n = rnd.choice(sorted(m.alive))
        run.cluster.kill(n)
        m.died(n)
        return f"node {n} crashes"
    if what in ("cut", "one way"):
        a, b = rnd.sample(sorted(m.alive), 2)
        pairs = [(a, b), (b, a)] if what == "cut" else [(a, b)]
        run.cluster.net.tell(*[f"cut {x} {y}" for x, y in pairs])
        m.cut.update(pairs)
        return f"cut between {a} and {b}, {'both ways' if what == 'cut' else 'one way'}"
    if what == "heal":
        run.cluster.net.tell("heal")
        m.cut.clear()
        return "the cut is healed"
    if what == "leave":
        run.push_map(sorted(m.alive))
        return f"the map is without node {dead[0]}"
    n = rnd.choice(dead)
    run.cluster.start([n])
    m.alive.add(n)
    run.join(n)
    if n in m.map.nodes:
        run.give_map(m.map, [n])
        m.fresh.add(n)
        return f"node {n} comes back, empty"
    run.push_map(sorted([*m.map.nodes, n]), [n])
    return f"node {n} joins, with another map"


def events(run):
    run.put_some(20)
    run.judge_hits("before all", 20)
    end = time.monotonic() + run.args.seconds
    number = 0
    while number < 3 or time.monotonic() < end:
        number += 1
        what = event(run)
        # What is under way when it happens may find an owner or not; its bytes and its time count.
        run.put_some(3, steady=False)
        run.get_some(6, judged=False)
        run.wait_states()
        run.put_some(5)
        run.judge_hits(f"event {number}: {what}", 25)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--kernel", default="x86")
    parser.add_argument("--out", default=str(lab.BUILD / "logs/cluster.d"))
    parser.add_argument("--mem", default="512M")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("names", nargs="+", choices=["basics", "events"])
    args = parser.parse_args()
    tests = Tests()
    print(f"KTAP version 1\n# {args.nodes} nodes, {args.kernel}, seed {args.seed}", flush=True)
    run = Run(tests, args)
    began = time.monotonic()
    try:
        start(run)
        print(f"# up after {time.monotonic() - began:.1f} s", flush=True)
        for name in args.names:
            {"basics": basics, "events": events}[name](run)
        run.judge_all()
        run.finish()
    except lab.Trouble as e:
        tests.result(False, "the run", "see below")
        print("".join(f"# {line}\n" for line in str(e).splitlines()))
        for node in run.cluster.running():
            print("".join(f"# {line}\n" for line in node.log_trouble()), end="")
    finally:
        print(f"# network: {run.cluster.close()}; {time.monotonic() - began:.1f} s")
    print(f"1..{tests.number}")
    return tests.failed != 0 or tests.number == 0


if __name__ == "__main__":
    sys.exit(main())
