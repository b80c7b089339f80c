"""What a provider was shown by a Codex, put plainly: what was said, which tools, everything else."""

from codexd.wire.json import Json

# Of a request to a provider: what every one of Codex's has, none of it words of a prompt.
FRAME = frozenset(
    (
        "model", "stream", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "store",
        "include", "prompt_cache_key", "client_metadata",
    )
)  # fmt: skip


def items(body: Json) -> list[Json]:
    """Give the history it was shown, without the ids that Codex makes up for each request."""
    shown = [item for item in body["input"] if item["type"] != "additional_tools"]
    return [{name: value for name, value in item.items() if name != "id"} for item in shown]


def texts(body: Json) -> list[tuple[str, str]]:
    """Give the messages of the history: who said it, and what."""
    spoken = [item for item in items(body) if item["type"] == "message"]
    return [(item["role"], "".join(part.get("text", "") for part in item["content"])) for item in spoken]


def tools(body: Json) -> dict[str, Json]:
    """Give the tools by name, `namespace.name` in a namespace, wherever in the request they are.

    Newer models get tools as an item of the input, and those without a namespace in one called `functions`.
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
    """Name what the request has beside the frame."""
    return set(body) - FRAME
