"""What the dashboard and the alert rules name is really told by /metrics."""

import json
import re
import shutil
import subprocess

import pytest
import yaml

from evently.observability.metrics import REGISTRY
from tests.harness.parts import ROOT
from tests.observability.reading import told

ALERTS = ROOT / "deploy/prometheus/evently-alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/evently.json"
GUIDE = ROOT / "docs/observability.md"


def rules():
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    return group["rules"]


def panels():
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def named(text):
    return set(re.findall(r"\bevently_\w+", text))


@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_every_figure_they_name_is_told(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "METRICS_TOKEN", "monitors")
    # Those with labels that nothing was counted under yet have a name all the same.
    described = {sample for metric in REGISTRY.collect() for sample in _samples(metric)}
    now = {name.partition("{")[0] for name in told(client, "monitors")}
    expressions = [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]
    assert len(expressions) > 40
    unknown = {name for expression in expressions for name in named(expression)} - described - now
    assert unknown == set()


def _samples(metric):
    suffixes = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}.get(metric.type, ("",))
    return [metric.name + suffix for suffix in suffixes]


def test_every_rule_says_how_urgent_it_is_and_the_guide_what_to_do():
    guide = GUIDE.read_text()
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]
        assert f"`{rule['alert']}`" in guide


def test_every_figure_is_in_the_guide():
    guide = GUIDE.read_text()
    assert {f"`{name}`" for metric in REGISTRY.collect() for name in (metric.name,) if f"`{name}" not in guide} == set()


def test_the_dashboard_is_whole():
    board = json.loads(DASHBOARD.read_text())
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(panel["targets"] and panel["gridPos"]["w"] for panel in panels())
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "instance"}


def test_prometheus_takes_the_rules():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on PATH; Debian's package `prometheus` brings it")
    done = subprocess.run([promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
