"""Dashboard and alerts say what the table of metrics says, and ask only for metrics and labels that there are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

from oncewhere.errors import ConfigurationError, FencedError, HandlerError, UnreachableError
from oncewhere.listeners.metrics import KNOWN, METRICS, Kind

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "monitoring.py"
FOLDER = ROOT / "examples" / "deploy" / "monitoring"
NAME = re.compile(r"oncewhere_\w+")
LABEL = re.compile(r'(oncewhere_\w+)\{(\w+)="([^"]+)"\}')
SERIES = {m.name if m.kind is not Kind.HISTOGRAM else f"{m.name}_bucket": m for m in METRICS}


def test_the_files_are_what_the_table_says() -> None:
    checked = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stderr


def test_each_metric_has_a_panel_and_no_panel_asks_for_another() -> None:
    board = json.loads((FOLDER / "dashboard.json").read_text())
    asked = [set(NAME.findall(target["expr"])) for panel in board["panels"] for target in panel["targets"]]
    assert set().union(*asked) == set(SERIES)
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(places)) == len(places)


def test_an_instance_that_ends_before_it_is_scraped_is_paged_for_by_its_absence() -> None:
    """Its last counts are lost with it, so an alert on them alone would never fire."""
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    by_name = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    down = by_name["OncewhereDown"]
    assert down["labels"]["severity"] == "page"
    assert "up[" in down["expr"]
    for error in (HandlerError, ConfigurationError, UnreachableError, FencedError):
        assert f"{error.exit_code}: " in down["annotations"]["next_step"], error


def test_alerts_ask_for_series_and_label_values_that_there_are() -> None:
    groups = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        assert rule["annotations"]["next_step"]
        assert set(NAME.findall(rule["expr"])) <= set(SERIES)
        assert rule["expr"].count("(") == rule["expr"].count(")")
        for name, label, value in LABEL.findall(rule["expr"]):
            assert value in KNOWN[SERIES[name], label], rule["alert"]
