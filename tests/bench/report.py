#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py GROUP DIR RUN...: from what the guests wrote, DIR/GROUP.json and a table on standard output.

The exit status is 0 whatever the checks say: a figure is a figure. PASS and FAIL are in the table and in the JSON.
"""
import json
import os
import statistics
import sys


def read(run, name, default=""):
    try:
        with open(os.path.join(run, name), encoding="utf-8") as f:
            return f.read().strip()
    except FileNotFoundError:
        return default


def lines(run, name):
    return [json.loads(line) for line in read(run, name).splitlines() if line]


def host_cpu():
    for line in read("/proc", "cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def conditions(run):
    icount = read(run, "how") == "icount"
    return {
        "kernel": read(run, "release"),
        "flavour": read(run, "flavour"),
        "cpu_model": read(run, "cpu-model") or "host (user-mode Linux)",
        "guest_cpu": read(run, "cpu"),
        "clock": "icount shift=0, sleep=on: 1 ns = 1 instruction" if icount else "wall",
        "clocksource": read(run, "clocksource"),
        "processors": 1,
        "memory": read(run, "mem"),
        "crc32c": read(run, "crc32c"),
        "redis": read(run, "redis-version") or None,
        "host_cpu": host_cpu(),
        "host_processors": os.cpu_count(),
        "git": read(run, "git"),
        "git_dirty": bool(read(run, "git-dirty")),
        "date": read(run, "date"),
        "rounds": "the first of a case is not counted",
    }


def summary(values):
    middle = statistics.median(values)
    return {
        "median": round(middle, 1),
        "min": round(min(values), 1),
        "max": round(max(values), 1),
        "spread_percent": round(100 * (max(values) - min(values)) / middle, 2) if middle else 0,
        "rounds": len(values),
    }


def micro(run):
    """Figures of kvmem_bench.ko, per operation, the empty loop taken off."""
    rows, loop = [], 0
    for r in lines(run, "micro.log"):
        if "total" not in r:
            continue  # memory of attach: attach_checks()
        per_op = [t / r["ops"] for t in r["total"]]
        if r["name"] == "loop alone":
            loop = statistics.median(per_op)
        elif not r["bytes"]:
            per_op = [max(v - loop, 0) for v in per_op]
        rows.append({"name": r["name"], "bytes": r["bytes"], "ops_per_round": r["ops"], **summary(per_op)})
    return rows


def attach_checks(run, rows):
    """Wall time on one processor is no less than the CPU time that was spent: the best round is a lower bound of the rate."""
    checks = []
    for r in rows:
        if r["name"] == "attach, a block":
            rate = 1e9 / r["min"]
            checks.append({"check": f"attach of {r['ops_per_round']} blocks of {size(r['bytes'])}, 300,000 a second at least",
                           "pass": rate >= 300000, "value": round(rate), "unit": "blocks a second"})
    for r in lines(run, "micro.log"):
        if "flash_blocks" in r:
            each = r["kernel_bytes"] / r["flash_blocks"]
            checks.append({"check": f"{r['flash_blocks']} blocks of {size(r['bytes'])} on flash only, 160 bytes at most",
                           "pass": each <= 160, "value": round(each, 1), "unit": "bytes"})
    return checks


def size(n):
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if n >= unit and n % unit == 0:
            return f"{n // unit} {name}"
    return f"{n} B" if n else ""


def print_conditions(c):
    print(f"   {c['kernel']} ({c['flavour']}), {c['cpu_model']}, {c['clock']}, 1 processor, {c['memory']}, "
          f"crc32c: {c['crc32c']}" + (f", Redis {c['redis']}" if c["redis"] else ""))


def print_head(title, groups):
    print(f"\n== {title}")
    for c in groups:
        print_conditions(c)
    c = groups[0]
    print(f"   host {c['host_cpu']}, {c['host_processors']} processors; git {c['git']}"
          f"{' + changes' if c['git_dirty'] else ''}; {c['date']}")


def print_table(head, rows):
    widths = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]
    for n, r in enumerate([head] + rows):
        left = [str(v).ljust(w) if i < 2 else str(v).rjust(w) for i, (v, w) in enumerate(zip(r, widths))]
        print("   " + "  ".join(left).rstrip())
        if not n:
            print("   " + "-" * (sum(widths) + 2 * (len(widths) - 1)))


def number(v):
    return f"{v:,.0f}" if v >= 100 else f"{v:.1f}"


def check_line(c):
    return f"   {'PASS' if c['pass'] else 'FAIL'}  {c['check']}: {c['value']:g} {c['unit']}"


def report_kernel_ns(runs):
    rows, cond = micro(runs[0]), conditions(runs[0])
    print_head("kernel-ns: the core's functions in user-mode Linux, ns per operation", [cond])
    print_table(["function", "bytes", "median", "min", "max", "rounds x ops"],
                [[r["name"], size(r["bytes"]), number(r["median"]), number(r["min"]), number(r["max"]),
                  f"{r['rounds']} x {r['ops_per_round']}"] for r in rows])
    checks = attach_checks(runs[0], rows)
    for c in checks:
        print(check_line(c))
    return {"runs": [{"conditions": cond, "unit": "ns", "results": rows}], "checks": checks}


def user(run):
    rows, checks = [], []
    for r in lines(run, "user.jsonl"):
        if "check" in r:
            checks.append(r)
        elif "per_op" in r:
            rows.append({"what": r["what"], "system": r["system"], "bytes": r["bytes"], "ops_per_round": r["ops"],
                         **summary(r["per_op"]), "server_median": statistics.median(r["server_per_op"]),
                         "switches_per_round": r["switches"], "preempted_per_round": r["preempted"]})
    return rows, checks


def per_byte(rows, name):
    big = [r for r in rows if r["name"] == name and r["bytes"] == 65536]
    return big[0]["median"] / 65536 if big else 0


CRC_OVER = {"get", "put", "alloc+commit", "get, batch of 64", "get, 32 commands at once"}


def has_crc(r):
    return r["what"] in CRC_OVER and "kvmem" in r["system"]


def instruction_run(micro_run, user_run):
    in_kernel, (rows, checks) = micro(micro_run), user(user_run)
    crc, copy = per_byte(in_kernel, "crc32c"), per_byte(in_kernel, "memcpy")
    for r in rows:
        if has_crc(r):
            r["without_crc32c"] = round(r["median"] - crc * r["bytes"], 1)
    value = {(r["what"], r["system"], r["bytes"]): r["median"] for r in rows}
    get, file = value[("get", "kvmem ioctl", 4096)], value[("get", "tmpfs pread + crc32c", 4096)]
    checks.append({"check": "get of 4 KiB costs no more than tmpfs pread and crc32c by the application",
                   "pass": get <= file, "value": round(get / file, 3), "unit": "ratio"})
    # The stricter one: no credit for a checksum that is faster in the kernel than in the application.
    same = value[("get", "tmpfs pread", 4096)] + crc * 4096
    checks.append({"check": "get of 4 KiB costs no more than tmpfs pread and the kernel's own crc32c",
                   "pass": get <= same, "value": round(get / same, 3), "unit": "ratio"})
    return {"conditions": conditions(user_run), "unit": "instructions",
            "crc32c_per_byte": round(crc, 4), "memcpy_per_byte": round(copy, 4),
            "results": rows, "in_kernel": in_kernel, "checks": checks}


def cells(row):
    if not row:
        return ["", "", ""]
    bare = row.get("without_crc32c")
    return [number(row["median"]), f"{row['spread_percent']:.1f} %", number(bare) if bare is not None else ""]


def report_instructions(runs):
    out = [instruction_run(runs[i], runs[i + 1]) for i in range(0, len(runs), 2)]
    print_head("instructions: CPU time under icount = instructions per operation; client and server together",
               [r["conditions"] for r in out])
    head = ["operation", "by", "bytes"]
    for r in out:
        head += [r["conditions"]["kernel"].split("-")[0], "spread", "no crc"]

    def order(r):
        return (r["what"], r["bytes"])

    table = []
    for r in sorted(out[0]["results"], key=order):
        line = [r["what"], r["system"], size(r["bytes"])]
        for o in out:
            same = [x for x in o["results"] if all(x[k] == r[k] for k in ("what", "system", "bytes"))]
            line += cells(same[0] if same else None)
        table.append(line)
    print_table(head, table)
    print("\n   inside of the kernel, instructions per operation")
    table = []
    for r in out[0]["in_kernel"]:
        line = [r["name"], size(r["bytes"])]
        for o in out:
            same = [x for x in o["in_kernel"] if (x["name"], x["bytes"]) == (r["name"], r["bytes"])]
            line.append(number(same[0]["median"]) if same else "")
        table.append(line)
    print_table(["function", "bytes"] + [r["conditions"]["kernel"].split("-")[0] for r in out], table)
    for r in out:
        print(f"\n   {r['conditions']['kernel']}: crc32c ({r['conditions']['crc32c']}) {r['crc32c_per_byte']:.3f} "
              f"instructions a byte, memcpy {r['memcpy_per_byte']:.3f}")
        for c in r["checks"]:
            print(check_line(c))
    return {"runs": out, "checks": [c for r in out for c in r["checks"]]}


def report_memory(runs):
    cond, rows, checks = conditions(runs[0]), [], []
    for r in lines(runs[0], "user.jsonl"):
        (checks if "check" in r else rows).append(r)
    print_head("memory: kernel memory per block besides its data", [cond])
    table = []
    for r in rows:
        def per(value, r=r):
            return f"{value / r['blocks']:.1f}"
        slabs = sum(r["slabs"].values())
        table.append([f"{r['blocks']} x {r['bytes']} B", per(slabs), per(r["Slab"] - slabs), per(r["VmallocUsed"]),
                      per(r["Percpu"]), f"{r['per_block_books']:.1f}", f"{r['per_block_taken']:.1f}"])
    print_table(["blocks", "slab caches", "large kmalloc", "vmalloc", "per-CPU", "sum", "no longer free"], table)
    print("   'no longer free': what left MemFree and the per-CPU page lists, less what the arena took")
    for c in checks:
        print(check_line(c))
    return {"runs": [{"conditions": cond, "unit": "bytes", "results": rows}], "checks": checks}


FLASH_LIMITS = (("of fio's throughput, at least", 0.95), ("of fio's instructions, at most", 0.8),
                ("of the instructions of a file per block, at most", 0.25))
FLASH_CRC = 0.16


def flash_rows(run, crc):
    """Per case and system: medians of nanoseconds an operation, of time and of what the machine was busy for."""
    rows = {}
    for r in lines(run, "flash.jsonl"):
        row = {"ops_per_round": r["ops"]}
        for clock in ("wall_ns", "cpu_ns", "busy_ns"):
            row[clock] = summary(r[clock])
        row["mib_s"] = round(r["bytes"] / row["wall_ns"]["median"] * 1e9 / (1 << 20), 1)
        bare = crc * r["bytes"] if "kvmem" in r["system"] else 0
        row["busy_without_crc32c"] = round(row["busy_ns"]["median"] - bare, 1)
        row["cpu_without_crc32c"] = round(row["cpu_ns"]["median"] - bare, 1)
        rows[(r["what"], r["bytes"], r["depth"], r["system"])] = row
    return rows


def flash_checks(cases, speed, work):
    """The better of kvmem's two ways counts, throughput and instructions each."""
    checks = []

    def check(text, case, value, limit, at_least=False):
        name = f"{case[0]} of {size(case[1])}, {case[2]} under way: {text} {limit}"
        checks.append({"check": name, "pass": value >= limit if at_least else value <= limit,
                       "value": round(value, 3), "unit": "ratio"})

    for case in cases:
        ours = [w for w in ("kvmem ioctl", "kvmem io_uring") if case + (w,) in speed]
        fio = case + ("fio io_uring",)
        check(FLASH_LIMITS[0][0], case, max(speed[case + (w,)]["mib_s"] for w in ours) / speed[fio]["mib_s"],
              FLASH_LIMITS[0][1], True)
        bare = min(work[case + (w,)]["busy_without_crc32c"] for w in ours)
        check(FLASH_LIMITS[1][0], case, bare / work[fio]["busy_ns"]["median"], FLASH_LIMITS[1][1])
        if case[0] == "get":
            file = work[("get", case[1], 1, "ext4 file")]["busy_ns"]["median"]
            check(FLASH_LIMITS[2][0], case, bare / file, FLASH_LIMITS[2][1])
    return checks


def flash_table(speed, work):
    def ratio(rows, key, name):
        fio = key[:3] + ("fio io_uring",)
        return f"{rows[key][name] / rows[fio][name]:.2f}" if fio in rows else ""

    table = []
    for key in work:
        # Files were not asked for their throughput.
        w, s = work[key], speed.get(key)
        fio = key[:3] + ("fio io_uring",)
        file = work.get(("get", key[1], 1, "ext4 file")) if key[0] == "get" else None
        table.append([f"{key[0]}, {key[2]} under way", key[3], size(key[1]), number(s["mib_s"]) if s else "",
                      ratio(speed, key, "mib_s") if s and key != fio else "",
                      number(w["cpu_ns"]["median"]), number(w["busy_ns"]["median"]),
                      f"{w['busy_ns']['spread_percent']:.0f} %", number(w["busy_without_crc32c"]),
                      ratio(work, key, "busy_without_crc32c") if key != fio else "",
                      f"{w['busy_without_crc32c'] / file['busy_ns']['median']:.2f}" if file else ""])
    print_table(["operation", "by", "bytes", "MiB/s", "of fio", "process", "machine", "spread", "no crc", "of fio",
                 "of a file"], table)


def flash_fast_table(fast, crc):
    """A drive as fast as the host: the best round of each, and what is left of an operation's time without its checksum."""
    table = []
    for key, row in fast.items():
        fio = fast[key[:3] + ("fio io_uring",)]["wall_ns"]["min"]
        best, ours = row["wall_ns"]["min"], "kvmem" in key[3]
        bare = max(best - crc * key[1], 1) if ours else best
        row["crc32c_share"] = round(1 - bare / best, 3) if ours else 0
        row["mib_s_best"] = round(key[1] / best * 1e9 / (1 << 20), 1)
        row["mib_s_without_crc32c"] = round(key[1] / bare * 1e9 / (1 << 20), 1)
        table.append([f"{key[0]}, {key[2]} under way", key[3], size(key[1]), number(row["mib_s_best"]),
                      f"{fio / best:.2f}" if ours else "", f"{100 * row['crc32c_share']:.0f} %" if ours else "",
                      number(row["mib_s_without_crc32c"]) if ours else "", f"{fio / bare:.2f}" if ours else ""])
    print(f"\n   a drive as fast as the host; crc32c by itself: {1e9 / crc / (1 << 20):.0f} MiB/s")
    print_table(["operation", "by", "bytes", "MiB/s", "of fio", "crc32c", "without", "of fio"], table)


def flash_json(rows):
    return [{"what": k[0], "bytes": k[1], "depth": k[2], "system": k[3], **r} for k, r in rows.items()]


def report_flash(runs):
    drives = [runs[1], runs[2], runs[4]]
    conds = [conditions(r) for r in drives]
    for run, cond in zip(drives, conds):
        cond["drive"], cond["fio"] = read(run, "drive"), read(run, "fio-version")
    crc = per_byte(micro(runs[0]), "crc32c")
    work, speed, fast = flash_rows(runs[1], crc), flash_rows(runs[2], 0), flash_rows(runs[4], 0)
    cases = sorted({k[:3] for k in work if k[3].startswith("kvmem")})
    print_head("flash: an emulated NVMe drive; throughput by the clock, and instructions per operation by icount", conds)
    for cond in conds:
        print(f"   drive: {cond['drive']}; {cond['fio']}")
    flash_table(speed, work)
    wall_crc = min(r["min"] for r in micro(runs[3]) if r["name"] == "crc32c" and r["bytes"] == 65536) / 65536
    flash_fast_table(fast, wall_crc)
    checks = [{"check": f"crc32c of the kernel, instructions a byte, at most {FLASH_CRC}", "pass": crc <= FLASH_CRC,
               "value": round(crc, 4), "unit": "instructions"}] + flash_checks(cases, speed, work)
    for c in checks:
        print(check_line(c))
    return {"crc32c_per_byte": round(crc, 4), "checks": checks, "runs": [
        {"conditions": conds[0], "unit": "instructions", "results": flash_json(work)},
        {"conditions": conds[1], "unit": "ns", "results": flash_json(speed)},
        {"conditions": conds[2], "unit": "ns", "crc32c_ns_per_byte": round(wall_crc, 3), "results": flash_json(fast)}]}


NVME_LIMITS = (("io_uring block device", 0.5), ("io_uring passthrough", 0.7))
NVME_RING = 16


def nvme_rows(run, name):
    return {(r["what"], r["depth"], r["system"]): {"bytes": r["bytes"], "ops_per_round": r["ops"],
            "cpu": summary(r["cpu_ns"]), "busy": summary(r["busy_ns"])} for r in lines(run, name) if "busy_ns" in r}


def nvme_checks(rows, rings):
    """The better of kvmem's two ways counts, by all that the machine does."""
    checks = []
    for what, depth in sorted({k[:2] for k in rows}):
        ours = min(r["busy"]["median"] for k, r in rows.items() if k[:2] == (what, depth) and "kvmem" in k[2])
        for system, limit in NVME_LIMITS:
            value = ours / rows[(what, depth, system)]["busy"]["median"]
            checks.append({"check": f"{what} of 128 KiB, {depth} under way: of {system}'s instructions, at most {limit}",
                           "pass": value <= limit, "value": round(value, 3), "unit": "ratio"})
    for r in rings:
        value = r["commands"] / max(r["doorbells"], 1)
        checks.append({"check": f"{r['what']} in batches of 32: commands per doorbell, at least {NVME_RING}",
                       "pass": value >= NVME_RING, "value": round(value, 1), "unit": "commands"})
    return checks


def report_nvme(runs):
    cond = conditions(runs[0])
    rows = {**nvme_rows(runs[0], "theirs.jsonl"), **nvme_rows(runs[0], "ours.jsonl")}
    null = nvme_rows(runs[0], "theirs-null.jsonl")
    rings = [r for r in lines(runs[0], "ours.jsonl") if "doorbells" in r]
    print_head("nvme: 128 KiB by queues of our own and by the kernel's driver; instructions per operation by icount", [cond])
    table = []
    for key in sorted(rows):
        row, bare = rows[key], null.get(key)
        of = [f"{row['busy']['median'] / rows[key[:2] + (s,)]['busy']['median']:.2f}" if "kvmem" in key[2] else ""
              for s, _ in NVME_LIMITS]
        table.append([f"{key[0]}, {key[1]} under way", key[2], number(row["cpu"]["median"]), number(row["busy"]["median"]),
                      f"{row['busy']['spread_percent']:.0f} %", number(bare["busy"]["median"]) if bare else "", *of])
    print_table(["operation", "by", "process", "machine", "spread", "null-co", "of block", "of passthrough"], table)
    checks = nvme_checks(rows, rings)
    for c in checks:
        print(check_line(c))

    def listed(d):
        return [{"what": k[0], "depth": k[1], "system": k[2], **r} for k, r in d.items()]

    return {"checks": checks, "runs": [{"conditions": cond, "unit": "instructions", "results": listed(rows),
                                        "null_co": listed(null), "doorbells": rings}]}


def main():
    group, directory, runs = sys.argv[1], sys.argv[2], sys.argv[3:]
    report = {"kernel-ns": report_kernel_ns, "instructions": report_instructions, "memory": report_memory,
              "flash": report_flash, "nvme": report_nvme}[group]
    result = {"group": group, **report(runs)}
    with open(os.path.join(directory, group + ".json"), "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main()
