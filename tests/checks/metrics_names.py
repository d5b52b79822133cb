# SPDX-License-Identifier: GPL-2.0
"""metrics_names.py METRICS DASHBOARDS DOC QUERIES: names in the dashboard, the rules and the document exist.

METRICS is what the daemon exports.  The dashboard's queries are written to QUERIES as rules, for promtool to parse.
"""
import json
import pathlib
import re
import sys

import yaml

metrics, folder, doc, queries = (pathlib.Path(a) for a in sys.argv[1:])
bad = []
NAME = re.compile(r"\b((?:kvmem|process)[_:][a-z0-9_:]+|up)\b\s*(\{[^}]*\})?")
MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def exported(text):
    """Names with the values of each of their labels; a histogram under its three names."""
    names, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
        elif not line.startswith("#"):
            name = re.match(r"[a-z0-9_]+", line).group()
            labels = names.setdefault(name, {})
            for label, value in re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', line):
                labels.setdefault(label, set()).add(value)
    return names, types


def check(where, expr, names, recorded):
    """All names of an expression exist, and so do the labels that they are selected by."""
    found = 0
    for name, selector in NAME.findall(re.sub(r"\b(?:by|without|on|ignoring|group_left)\s*\([^)]*\)", "", expr)):
        found += 1
        if name == "up":
            continue
        if name not in names and name not in recorded:
            bad.append(f"{where}: nobody exports {name}")
            continue
        for label, how, value in MATCHER.findall(selector):
            # Those that Prometheus adds, and those of our own rules
            if label in ("instance", "job") or name in recorded:
                continue
            values = names[name].get(label)
            if values is None:
                bad.append(f"{where}: {name} has no label {label}")
            elif how == "=" and value not in values:
                bad.append(f"{where}: {name} has no {label}={value}")
    if not found:
        bad.append(f"{where}: no metric in {expr}")


def check_rules(names):
    """Every alert says what it is about, and has a test that it fires and one that it does not."""
    text = (folder / "kvmem.rules.yml").read_text()
    tests = yaml.safe_load((folder / "kvmem.rules.test.yml").read_text())
    rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    tested = [t for test in tests["tests"] for t in test.get("promql_expr_test", [])]
    for rule in rules:
        name = rule.get("alert") or rule["record"]
        check(f"rule {name}", rule["expr"], names, recorded)
        if "record" in rule:
            continue
        for part in ("summary", "description", "runbook"):
            if not rule.get("annotations", {}).get(part, "").strip():
                bad.append(f"alert {name} has no {part}")
        for text in rule.get("annotations", {}).values():
            for metric in NAME.findall(text):
                if metric[0] not in names:
                    bad.append(f"alert {name} speaks of {metric[0]}")
        outcomes = {bool(t["exp_samples"]) for t in tested if f'"{name}"' in t["expr"]}
        if outcomes != {True, False}:
            bad.append(f"alert {name} lacks a test that it fires, or one that it does not")
    return recorded


def check_panels(dashboard, names, recorded):
    """Panels have what Grafana needs, and do not overlap; their queries."""
    exprs, ids, cells = [], set(), {}
    for panel in dashboard["panels"]:
        where = f"panel {panel['title']}"
        at = panel["gridPos"]
        if panel["id"] in ids:
            bad.append(f"{where}: id {panel['id']} twice")
        ids.add(panel["id"])
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if cell[0] >= 24 or cells.setdefault(cell, where) != where:
                bad.append(f"{where}: overlaps {cells.get(cell)}, or too wide")
                break
        if panel["type"] == "row":
            continue
        if panel["datasource"]["uid"] != "${datasource}" or not panel["description"] or not panel["targets"]:
            bad.append(f"{where}: a fixed data source, no description or no query")
        if len({t["refId"] for t in panel["targets"]}) != len(panel["targets"]):
            bad.append(f"{where}: a refId twice")
        for target in panel["targets"]:
            check(where, target["expr"], names, recorded)
            exprs.append(target["expr"])
    return exprs


def check_dashboard(names, recorded):
    """It can be provisioned as it is: no id, no inputs, all variables defined."""
    dashboard = json.loads((folder / "kvmem.json").read_text())
    if dashboard["id"] is not None or "__inputs" in dashboard or not dashboard["uid"]:
        bad.append("the dashboard was exported for somebody to import, not for provisioning")
    if dashboard["schemaVersion"] < 36:
        bad.append("the dashboard is of an old Grafana")
    exprs = check_panels(dashboard, names, recorded)
    variables = dashboard["templating"]["list"]
    for variable in variables:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            check(f"variable {variable['name']}", re.match(r"label_values\((.*), *[a-z]+\)$", query)[1], names, recorded)
    defined = {v["name"] for v in variables} | {"__rate_interval", "__range", "__all"}
    for used in set(re.findall(r"\$\{?([A-Za-z_]+)", json.dumps(dashboard))) - defined:
        bad.append(f"the dashboard's ${used} is not defined")
    return exprs


def write_queries(exprs):
    """As rules, with something in the place of Grafana's variables."""
    times = re.compile(r"\[\$__(rate_interval|range)\]")
    rules = [{"record": f"query:{n}", "expr": re.sub(r"\$[a-z]+", "x", times.sub("[5m]", e))} for n, e in enumerate(exprs)]
    queries.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))


def check_doc(types):
    """A line a metric, `name` first, with its type."""
    told = dict(re.findall(r"^\| `([a-z0-9_]+)` \| (\w+) \|", doc.read_text(), re.M))
    for name, kind in types.items():
        if told.get(name) != kind:
            bad.append(f"{doc}: {name} is a {kind}, not {told.get(name)}")
    for name in told.keys() - types.keys():
        bad.append(f"{doc}: nobody exports {name}")


names, types = exported(metrics.read_text())
recorded = check_rules(names)
exprs = check_dashboard(names, recorded)
write_queries(exprs)
check_doc(types)
print("\n".join(bad) if bad else f"{len(types)} metrics, {len(exprs)} queries: all names exist")
sys.exit(bool(bad))
