# SPDX-License-Identifier: GPL-2.0
"""What a cluster must answer: keys, slots, maps, and a record of every put.

Slots and keys are reckoned here as uapi/linux/kvmem_peer.h and tests/selftests/kvmem_util.c do.
"""
import struct

MASK = (1 << 64) - 1
SLOTS = 16384
NO_NODE = 65535


def kvt_rand(state):
    state = (state + 0x9e3779b97f4a7c15) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & MASK
    z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & MASK
    return state, z ^ (z >> 31)


def slot_of(n):
    """Slot of the test key of number n."""
    state, a = kvt_rand(n + 1)
    state, b = kvt_rand(state)
    h = 0x9e3779b97f4a7c15
    for w in (n, a, b, ~n & MASK):
        h ^= w
        h ^= h >> 33
        h = (h * 0xff51afd7ed558ccd) & MASK
        h ^= h >> 33
        h = (h * 0xc4ceb9fe1a85ec53) & MASK
        h ^= h >> 33
    return h >> 50


class Map:
    """Rendezvous hashing: of each slot the nodes with the highest scores, so a node that comes or goes moves little."""

    def __init__(self, epoch, nodes):
        self.epoch, self.nodes = epoch, sorted(nodes)
        self.owners = []
        for slot in range(SLOTS):
            scored = sorted(self.nodes, key=lambda node: kvt_rand(slot * 65536 + node)[1], reverse=True)
            self.owners.append(scored[:3])

    def planes(self):
        """The bytes of map-set, and how many planes they are."""
        nr = min(3, len(self.nodes))
        return nr, b"".join(struct.pack(f"={SLOTS}H", *[o[p] if p < len(o) else NO_NODE for o in self.owners])
                            for p in range(nr))


class Model:
    """Which node has which block, and who can reach whom.

    A put is believed only when it was made while nothing changed (`steady`): of the others no node is known to have the
    block, so a get may find it or not, but must never find other bytes.
    """

    def __init__(self, copies, nodes):
        self.copies = copies
        self.alive = set(nodes)
        self.cut = set()
        self.map = self.before = None
        self.fresh = set() # nodes that came after the map before: they do not have it
        self.holders = {}
        self.unsure = set()

    def set_map(self, new, fresh=()):
        self.before, self.map, self.fresh = self.map, new, set(fresh)

    def reaches(self, a, b):
        """A request and its answer take both ways."""
        return a in self.alive and b in self.alive and (a, b) not in self.cut and (b, a) not in self.cut

    def owners(self, node, key):
        """Of the maps that a node has, each cut to the namespace's copies."""
        slot, found = slot_of(key), []
        for m in (self.map, None if node in self.fresh else self.before):
            if m:
                found += [o for o in m.owners[slot][:self.copies] if o not in found]
        return found

    def put(self, node, key, steady=True):
        slot = slot_of(key)
        took = {o for o in self.map.owners[slot][:self.copies] if o == node or self.reaches(node, o)}
        if steady:
            self.holders.setdefault(key, set()).update(took or {node})
        else:
            self.unsure.add(key)
            self.holders.setdefault(key, set())

    def died(self, node):
        self.alive.discard(node)
        for nodes in self.holders.values():
            nodes.discard(node)

    def finds(self, node, key):
        holders = self.holders.get(key, ())
        return node in holders or any(o in holders and self.reaches(node, o) for o in self.owners(node, key))
