"""The objects of a legacy answer: a chunk of its stream has the very shape of its whole."""

from itertools import accumulate
from typing import Final

from attrs import define, frozen

from codexd.fronts.chat.answer import usage_object
from codexd.fronts.exchange import Stamp
from codexd.neutral.event import Finish
from codexd.neutral.reply import Reply, joined
from codexd.neutral.turn import JsonText, Message, RefusalPart, TextPart
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


def piece(index: int, text: Json, logprobs: Json = None, finish: Finish | None = None) -> Json:
    """Write one choice, or a piece of it."""
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": _FINISHES[finish]}


@define
class Scale:
    """Writes the log probabilities of one choice's tokens, which follow each other in its text.

    Attributes:
        offset: where in the text, in characters, the next token begins.
    """

    offset: int

    def weigh(self, tokens: JsonText | None) -> Json:
        """Write legacy `logprobs` of the next tokens; a token is always among its own alternatives."""
        if tokens is None:
            return None
        entries = json.decode(tokens)
        said = [entry["token"] for entry in entries]
        offsets = list(accumulate(map(len, said), initial=self.offset))
        self.offset = offsets.pop()
        return {
            "tokens": said,
            "token_logprobs": [entry["logprob"] for entry in entries],
            "top_logprobs": [_alternatives(entry) for entry in entries],
            "text_offset": offsets,
        }


def _alternatives(entry: Json) -> Json:
    candidates = (*(entry.get("top_logprobs") or ()), entry)
    return {candidate["token"]: candidate["logprob"] for candidate in candidates}


def completion(replies: tuple[Reply, ...], style: Style, stamp: Stamp) -> bytes:
    """Write the body of an answer that is not streamed; one reply is one choice."""
    told = zip(style.echoed, replies, strict=True)
    choices = [_choice(index, echoed, reply) for index, (echoed, reply) in enumerate(told)]
    usage = usage_object(reply.usage for reply in replies if reply.usage is not None)
    return json.encode({**envelope(stamp, choices), "usage": usage})


def _choice(index: int, echoed: str, reply: Reply) -> Json:
    tokens = joined(part.logprobs for part in reply.texts if part.logprobs)
    return piece(index, echoed + _text(reply), Scale(len(echoed)).weigh(tokens), reply.finish)


def _text(reply: Reply) -> str:
    """Give all that was said: a refusal has no member of its own here."""
    messages = (item for item in reply.items if isinstance(item, Message))
    parts = (part for message in messages for part in message.parts)
    return "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))
