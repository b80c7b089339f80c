"""Reads the requests that Codex sends to its provider: messages, tools, and other members."""

from codexd.wire.json import Json

# The members that every request of Codex has, none of them with text of a prompt.
FRAME = frozenset(
    (
        "model", "stream", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "store",
        "include", "prompt_cache_key", "client_metadata",
    )
)  # fmt: skip


def items(body: Json) -> list[Json]:
    """Return the history, without the ids that Codex generates for each request."""
    shown = [item for item in body["input"] if item["type"] != "additional_tools"]
    return [{name: value for name, value in item.items() if name != "id"} for item in shown]


def texts(body: Json) -> list[tuple[str, str]]:
    """Return the roles and texts of the messages."""
    spoken = [item for item in items(body) if item["type"] == "message"]
    return [(item["role"], "".join(part.get("text", "") for part in item["content"])) for item in spoken]


def tools(body: Json) -> dict[str, Json]:
    """Return the tools by name (`namespace.name` in a namespace), wherever they are in the request.

    Newer models receive tools in an item of the input, those without a namespace in one named `functions`.
    """
    extra = [item["tools"] for item in body["input"] if item["type"] == "additional_tools"]
    return _named([tool for group in (body.get("tools") or [], *extra) for tool in group])


def _named(group: list[Json], space: str = "") -> dict[str, Json]:
    found: dict[str, Json] = {}
    for tool in group:
        if tool["type"] == "namespace":
            inner = "" if tool["name"] == "functions" else f"{tool['name']}."
            found |= _named(tool["tools"], inner)
        else:
            found[space + tool.get("name", tool["type"])] = tool
    return found


def extras(body: Json) -> set[str]:
    """Return the names of the members that are not in `FRAME`."""
    return set(body) - FRAME
