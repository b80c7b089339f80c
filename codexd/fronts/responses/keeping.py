"""How a Responses answer is kept: its request's own items with ids, its output with its seals."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from attrs import frozen

from codexd.fronts.exchange import Stamp
from codexd.fronts.reading import Fields
from codexd.fronts.responses import answer
from codexd.fronts.responses.answer import Echo
from codexd.fronts.responses.extended import encoder
from codexd.fronts.responses.items import kind
from codexd.fronts.responses.state import State
from codexd.fronts.responses.stream import ResponsesEncoder
from codexd.neutral.kept import KeptItem, KeptResponse, Standing
from codexd.neutral.reply import Output, Reply
from codexd.wire.json import Json, encode

_LONGEST: Final = 256
"""A longer id is not one; OpenAI's have some 50 characters."""

_PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "web_search_call": "ws",
}


@frozen
class ResponsesKeeping:
    """How one answer is kept (`codexd.fronts.exchange.Keeping`).

    Attributes:
        owner: whose it is.
        state: what was asked of state.
        echo: what the Response repeats of its request.
        own: the request's own items, references resolved.
        taken: the ids of the history before them.
        seen: how far the conversation had come (`Recalled.seen`).
        extended: its stream has the further events of mode `tool-events`.
    """

    owner: str
    state: State
    echo: Echo
    own: tuple[dict[str, Any], ...]
    taken: frozenset[str] = frozenset()
    seen: int | None = None
    extended: bool = False

    @property
    def background(self) -> bool:
        """Whether the answer goes on without its client."""
        return self.state.background

    def encoder(self, stamp: Stamp) -> ResponsesEncoder:
        """Make the writer of the stream that is kept with a background answer."""
        return encoder(stamp, self.echo, self.extended)

    def write(self, reply: Reply, stamp: Stamp, standing: Standing = "over") -> KeptResponse:
        """Write down how the answer stands; what is shown of it is the snapshot that its stream ends with."""
        return KeptResponse(
            f"resp_{stamp.token}",
            self.owner,
            stamp.created,
            standing,
            answer.body(reply, stamp, self.echo, standing == "queued"),
            kept_items(self.own, stamp.token, self.taken),
            tuple(_output(item, standing) for item in reply.items),
            self.state.previous,
            self.state.conversation,
            self.state.background,
            self.seen,
        )


def kept_items(
    own: Sequence[dict[str, Any]], token: str, taken: Collection[str] = ()
) -> tuple[KeptItem, ...]:
    """Give a request's items as they are kept and shown: each with its type, an id and a status.

    An id that the client gave stays, unless it stands for another item already. Nothing that is added or
    spelt out changes how the item is read.

    Args:
        own: the items as they came.
        token: hexadecimal, unguessable, this request's alone.
        taken: ids that others have.
    """
    used = set(taken)
    found: list[KeptItem] = []
    for index, one in enumerate(own):
        type = kind(Fields(one))
        id = one.get("id")
        if not isinstance(id, str) or not 0 < len(id) <= _LONGEST or id in used:
            id = f"{_PREFIXES.get(type, 'item')}_{token}{index:04x}"
        used.add(id)
        status = "completed" if one.get("status") is None else one["status"]
        head = {"id": id, "type": type, "status": status}
        spelt = _without_null(_SPELT.get(type, dict)(one))
        rest = {name: value for name, value in spelt.items() if name not in head}
        found.append(KeptItem(id, encode(head | rest)))
    return tuple(found)


def _without_null(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out members that are null, and those of its parts: they are read as absent, and shown so."""
    said = _said(item)
    for name in ("content", "output"):
        if isinstance(said.get(name), list):
            said[name] = [_said(part) if isinstance(part, dict) else part for part in said[name]]
    return said


def _said(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _message(item: dict[str, Any]) -> dict[str, Any]:
    """Spell the content out in parts, as OpenAI shows it."""
    content = item.get("content")
    part = "output_text" if item.get("role") == "assistant" else "input_text"
    parts = [{"type": part, "text": content}] if isinstance(content, str) else content or []
    return item | {"content": [_part(one) for one in parts]}


def _part(part: Json) -> Json:
    return {"annotations": [], **part} if part.get("type") == "output_text" else part


def _reasoning(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"summary": item.get("summary") or []}


_SPELT: Final = {"message": _message, "reasoning": _reasoning}


def _output(item: Output, standing: Standing) -> KeptItem:
    """Give an output item; while the answer runs, one that is not whole is not cut but grows."""
    assert item.id is not None, "output items have ids"
    grows = standing == "running" and not item.complete
    return KeptItem(item.id, encode(answer.item(item, True, "in_progress" if grows else None)))
