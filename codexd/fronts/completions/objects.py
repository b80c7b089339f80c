"""JSON objects of legacy responses; a chunk of a stream has the shape of a complete body."""

from itertools import accumulate
from typing import Final

from attrs import define

from codexd.fronts.chat.objects import build_usage
from codexd.fronts.dialect import ResponseIdentity
from codexd.neutral.event import Finish
from codexd.neutral.records import frozen
from codexd.neutral.reply import Reply, concat_json_arrays
from codexd.neutral.turn import JsonText, Message, RefusalPart, TextPart
from codexd.wire import json
from codexd.wire.json import Json

_FINISHES: Final[dict[Finish | None, str | None]] = {
    None: None,
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "stop",  # no tool was offered, and the dialect has no such reason
}


@frozen
class CompletionsOutputOptions:
    """How a response is written for this client.

    Attributes:
        echoed: the text that each choice begins with: its prompt (`echo`), or nothing.
        include_usage: a stream ends with a usage chunk.
    """

    echoed: tuple[str, ...]
    include_usage: bool = False


def build_envelope(identity: ResponseIdentity, choices: Json) -> dict[str, Json]:
    """Build the members that every chunk and every completion begins with."""
    return {
        "id": f"cmpl-{identity.token}",
        "object": "text_completion",
        "created": identity.created,
        "model": identity.model,
        "system_fingerprint": None,
        "choices": choices,
    }


def build_choice(index: int, text: Json, logprobs: Json = None, finish: Finish | None = None) -> Json:
    """Build one choice, complete or as a delta."""
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": _FINISHES[finish]}


@define
class LogprobsWriter:
    """Builds the log probabilities of one choice; its tokens follow each other in the text.

    Attributes:
        offset: the position in the text, in characters, of the next token.
    """

    offset: int

    def write_logprobs(self, tokens: JsonText | None) -> Json:
        """Build legacy `logprobs` of the next tokens; a token is always among its own alternatives."""
        if tokens is None:
            return None
        entries = json.decode(tokens)
        texts = [entry["token"] for entry in entries]
        offsets = list(accumulate(map(len, texts), initial=self.offset))
        self.offset = offsets.pop()
        return {
            "tokens": texts,
            "token_logprobs": [entry["logprob"] for entry in entries],
            "top_logprobs": [_alternatives(entry) for entry in entries],
            "text_offset": offsets,
        }


def _alternatives(entry: Json) -> Json:
    candidates = (*(entry.get("top_logprobs") or ()), entry)
    return {candidate["token"]: candidate["logprob"] for candidate in candidates}


def render_completion(
    replies: tuple[Reply, ...], output_options: CompletionsOutputOptions, identity: ResponseIdentity
) -> bytes:
    """Render the body of a response that is not streamed; one reply is one choice."""
    pairs = zip(output_options.echoed, replies, strict=True)
    choices = [_choice(index, echoed, reply) for index, (echoed, reply) in enumerate(pairs)]
    usage = build_usage(reply.usage for reply in replies if reply.usage is not None)
    return json.encode({**build_envelope(identity, choices), "usage": usage})


def _choice(index: int, echoed: str, reply: Reply) -> Json:
    tokens = concat_json_arrays(part.logprobs for part in reply.text_parts if part.logprobs)
    return build_choice(index, echoed + _text(reply), LogprobsWriter(len(echoed)).write_logprobs(tokens), reply.finish)


def _text(reply: Reply) -> str:
    """Return the whole text; refusals are part of it, as the dialect has no member for them."""
    messages = (item for item in reply.items if isinstance(item, Message))
    parts = (part for message in messages for part in message.parts)
    return "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))
