"""The objects of a legacy answer: a chunk of its stream has the very shape of its whole."""

from typing import Final

from attrs import frozen

from codexd.fronts.chat.answer import usage_object
from codexd.fronts.exchange import Stamp
from codexd.neutral.event import Finish
from codexd.neutral.reply import Reply
from codexd.neutral.turn import Message, RefusalPart, TextPart
from codexd.wire import json
from codexd.wire.json import Json

_FINISHES: Final[dict[Finish | None, str | None]] = {
    None: None,
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "stop",  # no tool was offered, and the dialect has no word for it
}


@frozen
class Style:
    """How this client wants its answer written.

    Attributes:
        echoed: what each choice repeats before its own text: its prompt (`echo`), or nothing.
        include_usage: a stream ends with a usage chunk.
    """

    echoed: tuple[str, ...]
    include_usage: bool = False


def envelope(stamp: Stamp, choices: Json) -> dict[str, Json]:
    """Write what every chunk and every completion begins with."""
    return {
        "id": f"cmpl-{stamp.token}",
        "object": "text_completion",
        "created": stamp.created,
        "model": stamp.model,
        "system_fingerprint": None,
        "choices": choices,
    }


def choice(index: int, text: Json, finish: Finish | None = None) -> Json:
    """Write one choice, or a piece of it."""
    return {"text": text, "index": index, "logprobs": None, "finish_reason": _FINISHES[finish]}


def completion(replies: tuple[Reply, ...], style: Style, stamp: Stamp) -> bytes:
    """Write the body of an answer that is not streamed; one reply is one choice."""
    told = zip(style.echoed, replies, strict=True)
    choices = [choice(index, said + _text(reply), reply.finish) for index, (said, reply) in enumerate(told)]
    usage = usage_object(reply.usage for reply in replies if reply.usage is not None)
    return json.encode({**envelope(stamp, choices), "usage": usage})


def _text(reply: Reply) -> str:
    """Give all that was said: a refusal has no member of its own here."""
    messages = (item for item in reply.items if isinstance(item, Message))
    parts = (part for message in messages for part in message.parts)
    return "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))
