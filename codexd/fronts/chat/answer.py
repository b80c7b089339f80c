"""The objects of a Chat answer, which its stream and its whole have in common."""

from collections.abc import Iterable
from typing import Final

from attrs import frozen

from codexd.fronts.exchange import Stamp
from codexd.neutral.event import Finish, Usage
from codexd.neutral.reply import Reply, joined
from codexd.neutral.turn import CallKind, JsonText, Message, RefusalPart, ToolCall
from codexd.wire import json
from codexd.wire.json import Json

PARAGRAPH: Final = "\n\n"
"""What stands between two parts of `reasoning_content`."""

_PLACES: Final = ("start_index", "end_index")
_TEXT_OF: Final[dict[CallKind, str]] = {"function": "arguments", "custom": "input"}


@frozen
class Style:
    """How this client wants its answer written.

    Attributes:
        include_usage: a stream ends with a usage chunk.
        legacy_functions: a call is the deprecated `function_call`; there is room for one.
        functions_only: custom calls are written as function calls, with the raw input as arguments (Cursor).
        show_reasoning: reasoning is shown as `reasoning_content`.
        service_tier: echoed when it was asked for.
    """

    include_usage: bool = False
    legacy_functions: bool = False
    functions_only: bool = False
    show_reasoning: bool = True
    service_tier: str | None = None

    def call(self, kind: CallKind, call_id: str, name: str, text: str) -> Json:
        """Write one whole tool call."""
        return {"id": call_id, "type": self.kind(kind), **self.call_body(kind, {"name": name}, text)}

    def call_body(self, kind: CallKind, named: Json, text: Json) -> Json:
        """Write what a call says, in the member named after its type."""
        shown = self.kind(kind)
        return {shown: {**named, _TEXT_OF[shown]: text}}

    def kind(self, kind: CallKind) -> CallKind:
        """Give the type a call is shown with."""
        return "function" if self.functions_only else kind

    def finish(self, finish: Finish | None) -> str | None:
        """Give the finish reason."""
        return "function_call" if self.legacy_functions and finish == "tool_calls" else finish


def envelope(kind: str, style: Style, stamp: Stamp, choices: Json) -> dict[str, Json]:
    """Write what every chunk and every completion begins with."""
    tier = {} if style.service_tier is None else {"service_tier": style.service_tier}
    return {
        "id": f"chatcmpl-{stamp.token}",
        "object": kind,
        "created": stamp.created,
        "model": stamp.model,
        **tier,
        "system_fingerprint": None,
        "choices": choices,
    }


def usage_object(usages: Iterable[Usage]) -> Json:
    """Write `usage`: the tokens of all choices together; what nobody counted is 0."""
    counted = tuple(usages)
    prompt = sum(usage.input_tokens for usage in counted)
    completion = sum(usage.output_tokens for usage in counted)
    written: dict[str, Json] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": sum(usage.cached_tokens for usage in counted),
            "audio_tokens": 0,
            "cache_write_tokens": sum(usage.cache_write_tokens for usage in counted),
        },
        "completion_tokens_details": {
            "reasoning_tokens": sum(usage.reasoning_tokens for usage in counted),
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    if any(usage.estimated for usage in counted):
        written["estimated"] = True
    return written


def completion(replies: tuple[Reply, ...], style: Style, stamp: Stamp) -> bytes:
    """Write the body of an answer that is not streamed; one reply is one choice."""
    choices = [_choice(index, reply, style) for index, reply in enumerate(replies)]
    usage = usage_object(reply.usage for reply in replies if reply.usage is not None)
    return json.encode({**envelope("chat.completion", style, stamp, choices), "usage": usage})


def _choice(index: int, reply: Reply, style: Style) -> Json:
    return {
        "index": index,
        "message": _message(reply, style),
        "logprobs": logprobs(joined(part.logprobs for part in reply.texts if part.logprobs)),
        "finish_reason": style.finish(reply.finish),
    }


def _message(reply: Reply, style: Style) -> Json:
    """Write the message: `content` is null where calls or a refusal stand in its place."""
    refusal = _refusal(reply)
    calls = reply.calls
    text = reply.text
    message: dict[str, Json] = {
        "role": "assistant",
        "content": None if not text and (calls or refusal) else text,
        "refusal": refusal or None,
    }
    noted = _annotations(reply)
    if noted:
        message["annotations"] = noted
    thoughts = PARAGRAPH.join(part for part in reply.reasoning if part)
    if style.show_reasoning and thoughts:
        message["reasoning_content"] = thoughts
    if calls and style.legacy_functions:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
    elif calls:
        message["tool_calls"] = [_call(call, style) for call in calls]
    return message


def logprobs(tokens: JsonText | None) -> Json:
    """Write a choice's `logprobs`: there are none of refusals."""
    return None if tokens is None else {"content": json.fragment(tokens), "refusal": None}


def annotation(noted: JsonText, before: int) -> Json | None:
    """Write a `url_citation`, the only kind Chat has.

    Args:
        noted: the annotation as Responses has it.
        before: how many characters of `content` stand before the message it belongs to.
    """
    found = json.decode(noted)
    if found.get("type") != "url_citation":
        return None
    cited = {name: value for name, value in found.items() if name != "type"}
    places = {name: cited[name] + before for name in _PLACES if isinstance(cited.get(name), int)}
    return {"type": "url_citation", "url_citation": cited | places}


def _annotations(reply: Reply) -> list[Json]:
    written, before = [], 0
    for part in reply.texts:
        written += [annotation(noted, before) for noted in part.annotations]
        before += len(part.text)
    return [one for one in written if one is not None]


def _call(call: ToolCall, style: Style) -> Json:
    return style.call(call.kind, call.call_id, call.name, call.arguments)


def _refusal(reply: Reply) -> str:
    messages = (item for item in reply.items if isinstance(item, Message))
    return "".join(
        part.text for message in messages for part in message.parts if isinstance(part, RefusalPart)
    )
