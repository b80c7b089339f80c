"""The alerts and the dashboard: every alert is tested by promtool, documented, and made of metrics that exist."""

import re
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import fault, kinds
from codexd.wire.json import decode
from docs.alert_table import PAGE, redraw
from tests.support.prometheus import ETC, FOLDER, MISSING, RULE_TESTS, RULES, read_alerts, run_promtool
from tests.test_documentation import DOCS, metric_names

DASHBOARD = (ETC / "grafana/dashboards/codexd.json").read_text(encoding="utf-8")
NOT_FAILED = {"maintenance", "slow_client", "cancelled"}
"""The server errors that were asked for, or are the client's."""

NO_ROOM = {"busy", "rate_limited", "quota_exhausted"}


def read_rules() -> list[dict[str, Any]]:
    """Return all rules."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def read_sections() -> dict[str, str]:
    """Return the runbooks by their anchors."""
    parts = re.split(r"^## (.+)$", (DOCS / "runbooks.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {heading.lower().replace(" ", "-"): text for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def read_rule_tests() -> list[dict[str, Any]]:
    """Return the tests of all alerts."""
    return [test for path in RULE_TESTS for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]]


class PromtoolTests(SynchronousTestCase):
    skip = MISSING

    def test_the_rules_and_the_configuration_are_valid(self) -> None:
        for checked in (("rules", *map(str, RULES)), ("config", str(FOLDER / "prometheus.yml"))):
            run = run_promtool("check", *checked)
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def test_every_alert_fires_and_stays_silent_as_its_test_says(self) -> None:
        run = run_promtool("test", "rules", *map(str, RULE_TESTS))
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual((run.stdout + run.stderr).count("SUCCESS"), len(RULE_TESTS))


class RuleTests(SynchronousTestCase):
    def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not(self) -> None:
        fires, silent = set(), set()
        for test in read_rule_tests():
            (check,) = test["promql_expr_test"]
            self.assertIn(f'alertname="{test["name"]}"', check["expr"])
            if check["exp_samples"]:
                fires.add(test["name"])
            if not check["exp_samples"] or any('"silent"' in given["series"] for given in test["input_series"]):
                silent.add(test["name"])
        self.assertEqual((fires, silent), (set(read_alerts()), set(read_alerts())))

    def test_every_alert_says_what_is_wrong_and_links_to_the_runbook_that_names_it(self) -> None:
        sections = read_sections()
        for name, rule in read_alerts().items():
            self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"), name)
            self.assertEqual(set(rule["annotations"]), {"summary", "description", "runbook"}, name)
            page, _, anchor = rule["annotations"]["runbook"].partition("#")
            self.assertEqual(page, "docs/runbooks.md", name)
            self.assertIn(f"`{name}`", sections[anchor])

    def test_the_table_of_the_alerts_is_that_of_the_rules(self) -> None:
        page = PAGE.read_text(encoding="utf-8")
        self.assertEqual(page, redraw(page), "run `make alerts`")
        for name in read_alerts():
            self.assertIn(f"| `{name}` |", page)

    def test_failed_are_the_server_errors_and_those_without_room(self) -> None:
        (rule,) = [rule for rule in read_rules() if rule.get("record") == "job:codexd_requests_failed:rate5m"]
        listed = set(re.findall(r"[a-z_]+", re.findall(r'outcome=~"([^"]+)"', rule["expr"])[0]))
        server_errors = {kind for kind in kinds() if fault(kind).type == "server_error"}
        self.assertEqual(listed, server_errors - NOT_FAILED | NO_ROOM)

    def test_every_outcome_that_a_rule_or_the_dashboard_names_exists(self) -> None:
        text = DASHBOARD + "\n".join(rule["expr"] for rule in read_rules() if "codexd_requests_total" in rule["expr"])
        for outcomes in re.findall(r'outcome=~?"([^"]+)"', text):
            self.assertEqual(set(outcomes.split("|")) - set(kinds()), set())


class DashboardTests(SynchronousTestCase):
    def test_its_panels_have_titles_and_ids_of_their_own_and_do_not_overlap(self) -> None:
        panels = decode(DASHBOARD)["panels"]
        for name in ("id", "title"):
            self.assertEqual(len({panel[name] for panel in panels}), len(panels), name)
        places = [panel["gridPos"] for panel in panels]
        cells = [
            (x, y)
            for at in places
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        self.assertEqual(len(set(cells)), len(cells))
        self.assertLess(max(x for x, _ in cells), 24)

    def test_grafana_finds_it_and_its_data_source(self) -> None:
        provisioning = ETC / "grafana" / "provisioning"
        (provider,) = yaml.safe_load((provisioning / "dashboards/codexd.yml").read_text("utf-8"))["providers"]
        self.assertEqual(provider["options"]["path"], "/etc/grafana/dashboards")
        (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text("utf-8"))["datasources"]
        self.assertEqual(source["type"], "prometheus")
        self.assertTrue(all(panel["datasource"]["uid"] == "${datasource}" for panel in with_queries()))


def with_queries() -> list[dict[str, Any]]:
    """Return the panels of the dashboard that have queries."""
    return [panel for panel in decode(DASHBOARD)["panels"] if "targets" in panel]


class MetricTests(SynchronousTestCase):
    def test_every_metric_of_the_rules_and_of_the_dashboard_exists(self) -> None:
        text = "\n".join((DASHBOARD, *(rule["expr"] for rule in read_rules())))
        named = {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in re.findall(r"(?<![\w:])codexd_[a-z_]+", text)}
        self.assertGreater(len(named), 50)
        self.assertEqual(named - metric_names(), set())

    def test_every_recorded_series_that_is_used_is_recorded(self) -> None:
        rules = read_rules()
        used = re.findall(r"\w+:codexd_\w+:\w+", "\n".join((DASHBOARD, *(rule["expr"] for rule in rules))))
        self.assertGreater(len(used), 20)
        self.assertEqual(set(used) - {rule.get("record") for rule in rules}, set())
