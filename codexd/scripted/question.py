"""What the scripted model is asked: both dialects' bodies read into one value.

It reads leniently, and not with codexd's front ends: a fault of theirs must show in a test, not cancel out.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from hashlib import sha256

from attrs import Factory, evolve, field, frozen

from codexd.wire.json import Json, encode, fragment

MODEL = "scripted"

SEARCH = "web_search"
"""The type of OpenAI's web search tool, which has no name of its own."""


@frozen
class Tool:
    """A tool the model may call."""

    name: str
    custom: bool = False
    """Whether its input is free text (OpenAI's `custom` tools), not JSON."""
    namespace: str | None = None


@frozen
class Seen:
    """What the request said, for the `seen:` verb; the JSON parts are kept encoded."""

    instructions: str | None
    input: bytes = field(repr=False)
    tools: tuple[str, ...]
    tool_choice: bytes
    model: str
    effort: str | None
    text: bytes

    def render(self) -> str:
        """One line of JSON."""
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


@frozen
class Question:
    """The last user message, and what happened since."""

    text: str = field(default="", repr=False)
    images: int = 0
    results: tuple[str, ...] = field(default=(), repr=False)
    """The texts of the last round of tool results, in the order of the input."""
    round: int = 0
    """How many rounds of tool results came after the last user message; 0 when the last item is none."""
    tools: Mapping[str, Tool] = Factory(dict)
    words: int = 0
    """How many words all messages, tool results and instructions have."""
    most_tokens: int | None = None
    """The most tokens of the answer."""
    stops: tuple[str, ...] = ()
    """Texts before which the answer ends."""
    digest: str = ""
    """Of all that was said, by whom; not of item ids, which Codex makes up anew for each request."""
    seen: Seen = Seen(None, b"[]", (), b"null", MODEL, None, b"null")


class _Kind(Enum):
    USER = "user"
    ASIDE = "developer or system"
    MODEL = "the model itself"
    RESULT = "a tool"


@frozen
class _Entry:
    kind: _Kind
    text: str = ""
    images: int = 0


_ROLES = {
    "user": _Kind.USER,
    "developer": _Kind.ASIDE,
    "system": _Kind.ASIDE,
    "tool": _Kind.RESULT,
    "function": _Kind.RESULT,
}
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_IMAGES = ("input_image", "image_url")


def from_responses(body: Mapping[str, Json]) -> Question:
    """Read a body of `POST /v1/responses`; `additional_tools` items of the input offer tools too."""
    given = body.get("input")
    items = given if isinstance(given, list) else [{"role": "user", "content": given}]
    items = [item for item in items if isinstance(item, dict)]
    tools = [tool for holder in (body, *items) for tool in _tools(holder.get("tools"))]
    seen = Seen(
        instructions=_text(body.get("instructions")),
        input=encode(given),
        tools=tuple(label for label, _ in tools),
        tool_choice=encode(body.get("tool_choice")),
        model=_text(body.get("model")) or MODEL,
        effort=_text(_member(body.get("reasoning"), "effort")),
        text=encode(body.get("text")),
    )
    question = _question([_item(item) for item in items], tools, seen)
    return evolve(question, most_tokens=_number(body.get("max_output_tokens")))


def from_chat(body: Mapping[str, Json]) -> Question:
    """Read a body of `POST /v1/chat/completions`."""
    given = body.get("messages")
    messages = given if isinstance(given, list) else []
    tools = list(_tools(body.get("tools")))
    if isinstance(body.get("web_search_options"), dict):
        tools.append((SEARCH, Tool(SEARCH)))
    seen = Seen(
        instructions=None,
        input=encode(given),
        tools=tuple(label for label, _ in tools),
        tool_choice=encode(body.get("tool_choice")),
        model=_text(body.get("model")) or MODEL,
        effort=_text(body.get("reasoning_effort")),
        text=encode(body.get("response_format")),
    )
    question = _question([_message(one) for one in messages if isinstance(one, dict)], tools, seen)
    most_tokens = _number(body.get("max_completion_tokens") or body.get("max_tokens"))
    return evolve(question, most_tokens=most_tokens, stops=_texts(body.get("stop")))


def _question(entries: list[_Entry], tools: list[tuple[str, Tool]], seen: Seen) -> Question:
    user, since = _last_user(entries)
    rounds, results = _rounds(since)
    texts = (seen.instructions or "", *(entry.text for entry in entries))
    offered = [] if seen.tool_choice == b'"none"' else tools
    return Question(
        text=user.text,
        images=user.images,
        results=results,
        round=rounds,
        tools={tool.name: tool for _, tool in offered} | dict(offered),
        words=sum(len(text.split()) for text in texts),
        digest=_digest(seen.instructions, entries),
        seen=seen,
    )


def _digest(instructions: str | None, entries: Iterable[_Entry]) -> str:
    said = [instructions, *([entry.kind.value, entry.text, entry.images] for entry in entries)]
    return sha256(encode(said)).hexdigest()


def _last_user(entries: list[_Entry]) -> tuple[_Entry, list[_Entry]]:
    for at in range(len(entries) - 1, -1, -1):
        if entries[at].kind is _Kind.USER:
            return entries[at], entries[at + 1 :]
    return _Entry(_Kind.USER), entries


def _rounds(since: Iterable[_Entry]) -> tuple[int, tuple[str, ...]]:
    """Count the runs of tool results; asides neither end a run nor begin one."""
    rounds = 0
    results: list[str] = []
    answering = False
    for entry in since:
        if entry.kind is _Kind.RESULT:
            if not answering:
                rounds, results, answering = rounds + 1, [], True
            results.append(entry.text)
        elif entry.kind is _Kind.MODEL:
            answering = False
    return (rounds, tuple(results)) if answering else (0, ())


def _item(item: Mapping[str, Json]) -> _Entry:
    if item.get("type") in _OUTPUTS:
        return _Entry(_Kind.RESULT, *_content(item.get("output")))
    return _message(item)


def _message(message: Mapping[str, Json]) -> _Entry:
    kind = _ROLES.get(str(message.get("role")), _Kind.MODEL)
    return _Entry(kind, *_content(message.get("content")))


def _content(content: Json) -> tuple[str, int]:
    """The text parts joined, and the number of images."""
    if isinstance(content, str):
        return content, 0
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = (part.get("text") for part in parts)
    images = sum(part.get("type") in _IMAGES for part in parts)
    return "".join(text for text in texts if isinstance(text, str)), images


def _tools(tools: Json) -> Iterator[tuple[str, Tool]]:
    """Each tool with the name the script may call it by: `namespace.name` for one in a namespace."""
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        if tool.get("type") == "namespace":
            space = str(tool.get("name"))
            for _, inner in _tools(tool.get("tools")):
                yield f"{space}.{inner.name}", Tool(inner.name, inner.custom, space)
        else:
            yield from _tool(tool)


def _tool(tool: Mapping[str, Json]) -> Iterator[tuple[str, Tool]]:
    """Flat as in Responses, or nested under its type as in Chat; a hosted tool has its type for a name."""
    kind = str(tool.get("type"))
    name = tool.get("name") or _member(tool.get(kind), "name") or kind
    yield str(name), Tool(str(name), custom=kind == "custom")


def _member(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _number(value: Json) -> int | None:
    return value if type(value) is int else None


def _texts(value: Json) -> tuple[str, ...]:
    """Read a text, or several."""
    given = value if isinstance(value, list) else [value]
    return tuple(one for one in given if isinstance(one, str) and one)


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
