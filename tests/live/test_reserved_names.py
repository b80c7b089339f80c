"""Client tools with names that the real Codex reserves: all are offered, and all calls come back."""

from codexd.backs.reserved_names import ChildNames
from codexd.neutral.turn import Tool
from codexd.wire.json import Json
from tests.backs.test_reserved_names import RESERVED_NAMESPACES
from tests.support.live_daemon import RESPONSES, DaemonSetup, LiveTestCase

NAMES = (
    "exec_command",
    "shell_command",
    "write_stdin",
    "apply_patch",
    "update_plan",
    "view_image",
    "tool_search",
    "exec",
)
PLACES: tuple[tuple[str | None, str], ...] = (
    *((None, name) for name in (*NAMES, "mcp", "mcp__x", "client_mcp__x")),
    *((namespace, "run") for namespace in (*RESERVED_NAMESPACES, "client", "client_web", "clock", "n" * 64)),
    ("plain", "mcp__x__y"),
    ("functions", "exec"),
)
"""Namespaces and names; `exec` is there both without a namespace and in that of plain functions."""


def declare(namespace: str | None, name: str) -> Json:
    """Declare a tool."""
    tool = {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}
    return tool if namespace is None else {"type": "namespace", "name": namespace, "description": "d", "tools": [tool]}


class ReservedNameTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True)

    def test_every_tool_is_called_under_its_own_name(self) -> None:
        names = ChildNames(tuple(Tool(name=name, namespace=namespace) for namespace, name in PLACES))
        for model in ("gpt-5.5", "gpt-6-astra"):
            sent = [names.encode(*place) for place in PLACES]
            # The model sees plain functions of newer models in a namespace.
            bare = "" if model == "gpt-5.5" else "functions."
            labels = [bare + name if namespace is None else f"{namespace}.{name}" for namespace, name in sent]
            script = "\n".join(f"call: {label} {{}}" for label in labels)
            answer = self.daemon.post(
                RESPONSES, {"model": model, "input": script, "tools": [declare(*place) for place in PLACES]}
            )
            self.assertEqual(answer.status, 200, answer.body)
            calls = [item for item in answer.json["output"] if item["type"] == "function_call"]
            self.assertEqual([(call.get("namespace"), call["name"]) for call in calls], [*PLACES])
