"""Every call of a logger has the name of an event that docs/logs.md describes."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.log_events import GROUPS
from codexd.observe.request_line import BACKGROUND_RESPONSE, REQUEST

PACKAGE = Path(__file__).parents[2] / "codexd"
LEVELS = {name: name for name in ("debug", "info", "warn", "error", "critical")} | {"failure": "critical"}
EMITTED = {REQUEST, BACKGROUND_RESPONSE, "log_lines_dropped", "trace_export_failed"}
"""Events that are built without a logger, or logged by a call from another thread."""

EVENTS = {name: levels.split(", ") for table in GROUPS.values() for name, (levels, _) in table.items()}


def logger_calls(source: str) -> Iterator[ast.Call]:
    """Yield the calls of loggers, which are named `_log`, `log`, `_LOG` or end in `_log`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name.lower().endswith("log") and node.func.attr in {*LEVELS, "emit"}:
                yield node


def event_names(call: ast.Call) -> list[str]:
    """Return the possible values of the argument `event`."""
    (value,) = [keyword.value for keyword in call.keywords if keyword.arg == "event"] or [ast.Constant("none")]
    branches = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    return [str(branch.value) for branch in branches if isinstance(branch, ast.Constant)]


class LogEventTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.levels: dict[str, set[str]] = defaultdict(set)
        for path in sorted(PACKAGE.rglob("*.py")):
            for call in logger_calls(path.read_text(encoding="utf-8")):
                names = event_names(call)
                self.assertTrue(names, f"{path}:{call.lineno}: its event is not a literal")
                for name in names:
                    self.assertIn(name, EVENTS, f"{path}:{call.lineno}")
                    assert isinstance(call.func, ast.Attribute)
                    self.levels[name].add(LEVELS.get(call.func.attr, ""))

    def test_every_event_that_is_described_is_logged(self) -> None:
        self.assertEqual(set(self.levels) | EMITTED, set(EVENTS))

    def test_the_levels_are_those_of_the_calls(self) -> None:
        for name, levels in self.levels.items():
            if "" not in levels:  # `emit`, whose level is computed
                self.assertEqual(levels, set(EVENTS[name]), name)

    def test_an_event_belongs_to_one_group(self) -> None:
        self.assertEqual(len(EVENTS), sum(map(len, GROUPS.values())))

    def test_a_call_without_a_name_is_found(self) -> None:
        (call,) = logger_calls("self._log.info('no name')")
        self.assertEqual(event_names(call), ["none"])
