# SPDX-License-Identifier: MIT
"""deploy/: the alert rules and the Grafana dashboard, held to Prometheus' own tool and to the metrics of a running
server."""

import json
import pathlib
import re
import subprocess

import yaml

from rig.pace import WAIT

ROOT = pathlib.Path(__file__).parents[2]
ALERTS = ROOT / "deploy" / "alerts.yaml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana.json").read_text())
PANELS = [p for p in DASHBOARD["panels"] if p["type"] != "row"]
# which a dashboard has from Grafana, and this one from the choices at its top
VARIABLES = {"$__rate_interval": "5m", "$__range": "6h", "$job": ".*", "$instance": ".*"}
GIVEN = {"job", "instance", "le", ""}  # labels that Prometheus gives, or a histogram has


def promtool(*args):
    done = subprocess.run(["promtool", *map(str, args)], capture_output=True, text=True, timeout=WAIT, check=False)
    return done.returncode, done.stdout + done.stderr


def rules():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def expressions():
    """(what it is, expression), of alerts and panels, without variables"""
    yield from ((rule["alert"], rule["expr"]) for rule in rules())
    for panel in PANELS:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            yield panel["title"], text


def labels_of(samples):
    """{metric: {label: its values}}"""
    seen = {}
    for name, labels in samples:
        of = seen.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels or ""):
            of.setdefault(label, set()).add(value)
    return seen


def test_rules():
    code, told = promtool("check", "rules", ALERTS)
    assert code == 0, told


def test_rules_fire():
    """Each on what it is for, and none on a good day."""
    code, told = promtool("test", "rules", ROOT / "tests" / "deploy" / "alerts.yaml")
    assert code == 0, told
    scripted = (ROOT / "tests" / "deploy" / "alerts.yaml").read_text()
    assert [r["alert"] for r in rules() if r["alert"] not in scripted] == ["PeptoSymbolCertificateSoon"]


def test_woken_by_four():
    assert [r["alert"] for r in rules() if r["labels"]["severity"] == "page"] == [
        "PeptoSymbolDown", "PeptoSymbolFaults", "PeptoSymbolCredentials", "PeptoSymbolCertificate"]


def test_metrics_exist(serve, stocked):
    """A metric, a label or a value of it that is renamed leaves no alert and no panel behind."""
    known = labels_of(serve(stores=stocked).metrics())
    for what, text in expressions():
        metrics = set(re.findall(r"\bpepto_\w+", text))
        assert metrics <= set(known), what
        for name, selector in re.findall(r"\b(pepto_\w+)\{([^}]*)\}", text):
            for label, how, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', selector):
                values = known[name].get(label, set())
                assert label in GIVEN or any((re.fullmatch(value, v) is None) == (how == "!=") for v in values), \
                    f"{what}: {name}{{{selector}}}"
        for label in re.split(r",\s*", ", ".join(re.findall(r"\bby \(([^)]*)\)", text))):
            assert label in GIVEN or any(label in known[m] for m in metrics), f"{what}: by ({label})"


def test_dashboard_expressions(tmp_path):
    """Every expression of it is PromQL."""
    made = {"groups": [{"name": "dashboard", "rules": [
        {"record": f"dashboard:panel:{i}", "expr": text} for i, (_, text) in enumerate(expressions())]}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(made))
    code, told = promtool("check", "rules", tmp_path / "rules.yaml")
    assert code == 0, told


def test_dashboard_shape():
    """What Grafana needs to import it: ids of their own, a place for each panel, sources that the reader chooses."""
    assert DASHBOARD["uid"] and DASHBOARD["title"] and DASHBOARD["schemaVersion"] >= 36
    ids = [p["id"] for p in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for p in DASHBOARD["panels"]:
        at = p["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, p["title"]
        taken |= cells
    names = {v["name"] for v in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - {"__rate_interval", "__range", "__all"}
    assert used == names == {"datasource", "job", "instance"}
    for p in PANELS:
        assert p["datasource"]["uid"] == "${datasource}" and p["targets"], p["title"]
        assert p["description"], p["title"]
        refs = [t["refId"] for t in p["targets"]]
        assert len(set(refs)) == len(refs)
        assert all(t["datasource"] == p["datasource"] for t in p["targets"])
