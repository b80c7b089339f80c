"""Parse the request bodies of both dialects into one value.

The parsers are lenient and independent of codexd's own dialects, so that a bug of those is visible in tests.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from hashlib import sha256

from attrs import Factory, evolve, field, frozen

from codexd.neutral.text import join_texts
from codexd.wire.json import Json, encode, fragment

MODEL = "scripted"

SEARCH = "web_search"
"""The type of OpenAI's web search tool, which has no name."""


@frozen
class ScriptedTool:
    """A tool that the model may call."""

    name: str
    custom: bool = False
    """Whether its input is free text (OpenAI's `custom` tools) instead of JSON."""
    namespace: str | None = None


@frozen(kw_only=True)
class RequestEcho:
    """The fields of the request that the `seen:` verb returns; JSON members stay encoded."""

    instructions: str | None
    input: bytes = field(repr=False)
    tools: tuple[str, ...]
    tool_choice: bytes
    model: str
    effort: str | None
    text: bytes

    def render(self) -> str:
        """Return the fields as one line of JSON."""
        view = {
            "instructions": self.instructions,
            "input": fragment(self.input),
            "tools": self.tools,
            "tool_choice": fragment(self.tool_choice),
            "model": self.model,
            "effort": self.effort,
            "text": fragment(self.text),
        }
        return encode(view).decode()


@frozen(kw_only=True)
class ScriptedPrompt:
    """The last user message, and the tool results after it."""

    text: str = field(default="", repr=False)
    """The last text part of that message: clients put notes and files into parts before what the user wrote."""
    images: int = 0
    results: tuple[str, ...] = field(default=(), repr=False)
    """The texts of the last round of tool results, in the order of the input."""
    round: int = 0
    """The number of rounds of tool results after the last user message; 0 if the last item is none."""
    tools: Mapping[str, ScriptedTool] = Factory(dict)
    words: int = 0
    """The number of words of all messages, tool results and instructions."""
    max_tokens: int | None = None
    """The maximum number of output tokens."""
    stops: tuple[str, ...] = ()
    """The stop sequences."""
    digest: str = ""
    """The digest of all roles and contents, without item ids, which Codex generates for each request."""
    echo: RequestEcho = RequestEcho(
        instructions=None, input=b"[]", tools=(), tool_choice=b"null", model=MODEL, effort=None, text=b"null"
    )


class _Kind(Enum):
    USER = "user"
    DEVELOPER = "developer or system"
    MODEL = "the model itself"
    RESULT = "a tool"


@frozen
class _Entry:
    kind: _Kind
    texts: tuple[str, ...] = ()
    images: int = 0

    @property
    def text(self) -> str:
        """All texts, each on a line of its own."""
        return join_texts(self.texts)


_ROLES = {
    "user": _Kind.USER,
    "developer": _Kind.DEVELOPER,
    "system": _Kind.DEVELOPER,
    "tool": _Kind.RESULT,
    "function": _Kind.RESULT,
}
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_IMAGES = ("input_image", "image_url")


def parse_responses(body: Mapping[str, Json]) -> ScriptedPrompt:
    """Parse a body of `POST /v1/responses`. `additional_tools` items of the input define tools, too."""
    value = body.get("input")
    items = value if isinstance(value, list) else [{"role": "user", "content": value}]
    items = [item for item in items if isinstance(item, dict)]
    tools = [tool for holder in (body, *items) for tool in _parse_tools(holder.get("tools"))]
    echo = RequestEcho(
        instructions=_text(body.get("instructions")),
        input=encode(value),
        tools=tuple(label for label, _ in tools),
        tool_choice=encode(body.get("tool_choice")),
        model=_text(body.get("model")) or MODEL,
        effort=_text(_member(body.get("reasoning"), "effort")),
        text=encode(body.get("text")),
    )
    prompt = _build_prompt([_parse_item(item) for item in items], tools, echo)
    return evolve(prompt, max_tokens=_number(body.get("max_output_tokens")))


def parse_chat(body: Mapping[str, Json]) -> ScriptedPrompt:
    """Parse a body of `POST /v1/chat/completions`."""
    value = body.get("messages")
    messages = value if isinstance(value, list) else []
    tools = list(_parse_tools(body.get("tools")))
    if isinstance(body.get("web_search_options"), dict):
        tools.append((SEARCH, ScriptedTool(SEARCH)))
    echo = RequestEcho(
        instructions=None,
        input=encode(value),
        tools=tuple(label for label, _ in tools),
        tool_choice=encode(body.get("tool_choice")),
        model=_text(body.get("model")) or MODEL,
        effort=_text(body.get("reasoning_effort")),
        text=encode(body.get("response_format")),
    )
    prompt = _build_prompt([_parse_message(one) for one in messages if isinstance(one, dict)], tools, echo)
    max_tokens = _number(body.get("max_completion_tokens") or body.get("max_tokens"))
    return evolve(prompt, max_tokens=max_tokens, stops=_texts(body.get("stop")))


def _build_prompt(entries: list[_Entry], tools: list[tuple[str, ScriptedTool]], echo: RequestEcho) -> ScriptedPrompt:
    user, following = _split_at_last_user(entries)
    rounds, results = _count_rounds(following)
    texts = (echo.instructions or "", *(entry.text for entry in entries))
    callable_tools = [] if echo.tool_choice == b'"none"' else tools
    return ScriptedPrompt(
        text=user.texts[-1] if user.texts else "",
        images=user.images,
        results=results,
        round=rounds,
        tools={tool.name: tool for _, tool in callable_tools} | dict(callable_tools),
        words=sum(len(text.split()) for text in texts),
        digest=_digest(echo.instructions, entries),
        echo=echo,
    )


def _digest(instructions: str | None, entries: Iterable[_Entry]) -> str:
    content = [instructions, *([entry.kind.value, entry.text, entry.images] for entry in entries)]
    return sha256(encode(content)).hexdigest()


def _split_at_last_user(entries: list[_Entry]) -> tuple[_Entry, list[_Entry]]:
    for at in range(len(entries) - 1, -1, -1):
        if entries[at].kind is _Kind.USER:
            return entries[at], entries[at + 1 :]
    return _Entry(_Kind.USER), entries


def _count_rounds(following: Iterable[_Entry]) -> tuple[int, tuple[str, ...]]:
    """Count the runs of tool results. Developer and system messages neither begin nor end a run."""
    rounds = 0
    results: list[str] = []
    in_run = False
    for entry in following:
        if entry.kind is _Kind.RESULT:
            if not in_run:
                rounds, results, in_run = rounds + 1, [], True
            results.append(entry.text)
        elif entry.kind is _Kind.MODEL:
            in_run = False
    return (rounds, tuple(results)) if in_run else (0, ())


def _parse_item(item: Mapping[str, Json]) -> _Entry:
    if item.get("type") in _OUTPUTS:
        return _Entry(_Kind.RESULT, *_parse_content(item.get("output")))
    return _parse_message(item)


def _parse_message(message: Mapping[str, Json]) -> _Entry:
    kind = _ROLES.get(str(message.get("role")), _Kind.MODEL)
    return _Entry(kind, *_parse_content(message.get("content")))


def _parse_content(content: Json) -> tuple[tuple[str, ...], int]:
    """Return the texts of the parts and the number of images."""
    if isinstance(content, str):
        return (content,), 0
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = (part.get("text") for part in parts)
    images = sum(part.get("type") in _IMAGES for part in parts)
    return tuple(text for text in texts if isinstance(text, str)), images


def _parse_tools(tools: Json) -> Iterator[tuple[str, ScriptedTool]]:
    """Yield each tool with its name in scripts: `namespace.name` for a tool in a namespace."""
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        if tool.get("type") == "namespace":
            space = str(tool.get("name"))
            for _, inner in _parse_tools(tool.get("tools")):
                yield f"{space}.{inner.name}", ScriptedTool(inner.name, inner.custom, space)
        else:
            yield from _parse_tool(tool)


def _parse_tool(tool: Mapping[str, Json]) -> Iterator[tuple[str, ScriptedTool]]:
    """Parse a flat (Responses) or nested (Chat) tool. The name of a hosted tool is its type."""
    kind = str(tool.get("type"))
    name = tool.get("name") or _member(tool.get(kind), "name") or kind
    yield str(name), ScriptedTool(str(name), custom=kind == "custom")


def _member(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _number(value: Json) -> int | None:
    return value if type(value) is int else None


def _texts(value: Json) -> tuple[str, ...]:
    """Parse one string or a list of strings."""
    value = value if isinstance(value, list) else [value]
    return tuple(one for one in value if isinstance(one, str) and one)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
