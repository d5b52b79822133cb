#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report_ring.py DIR RUN: from what `kvmemctl ring simulate` wrote, DIR/ring.json and a table on standard output."""
import json
import os
import sys

from report import host_cpu, read


def check(row):
    """What a row of the simulation has to keep."""
    def some(of):
        return of["moved"] <= 1.1 * of["least"] + 1

    return [
        ("over <= 5 % or rounding", row["over"] <= max(0.05, row["rounding"] + 1e-6)),
        ("misplaced <= 5 %", row["misplaced"] <= 0.05),
        ("join moves <= 110 % of the least", some(row["join"])),
        ("leave moves <= 110 % of the least", some(row["leave"])),
        ("no two copies in one domain", not row["same_domain"]),
    ]


def main():
    directory, run = sys.argv[1:]
    rows = json.loads(read(run, "simulation"))
    checks = []
    print(f"{'nodes':>5} {'weights':>7} {'copies':>6} {'over':>7} {'rounding':>8} {'misplaced':>9} "
          f"{'join':>11} {'leave':>11} {'ms':>8} {'join ms':>8}")
    for r in rows:
        print(f"{r['nodes']:5} {r['weights']:>7} {r['copies']:6} {r['over']:7.2%} {r['rounding']:8.2%} {r['misplaced']:9.2%} "
              f"{r['join']['moved']:5}/{r['join']['least']:<5} {r['leave']['moved']:5}/{r['leave']['least']:<5} "
              f"{r['compute_ms']:8.1f} {r['join_ms']:8.2f}")
        name = f"{r['nodes']} nodes, {r['weights']}, {r['copies']} copies"
        checks += [{"check": f"{name}: {what}", "ok": ok} for what, ok in check(r)]
    bad = [c for c in checks if not c["ok"]]
    print(f"{len(checks) - len(bad)} of {len(checks)} checks: PASS" + "".join(f"\nFAIL {c['check']}" for c in bad))
    with open(os.path.join(directory, "ring.json"), "w", encoding="utf-8") as f:
        json.dump({"group": "ring", "git": read(run, "git"), "git_dirty": bool(read(run, "git-dirty")),
                   "date": read(run, "date"), "host_cpu": host_cpu(), "rows": rows, "checks": checks}, f, indent=1)


if __name__ == "__main__":
    main()
