"""JSON objects of Chat responses, shared by streams and complete bodies."""

from collections.abc import Iterable
from typing import Final, Literal

from codexd.fronts.chat.provider_state import build_message_state, find_state
from codexd.fronts.dialect import ResponseIdentity
from codexd.neutral.event import Finish, Usage
from codexd.neutral.records import frozen
from codexd.neutral.reply import Reply, concat_json_arrays
from codexd.neutral.turn import CallKind, JsonText, Message, RefusalPart, ToolCall
from codexd.wire import json
from codexd.wire.json import Json

PARAGRAPH: Final = "\n\n"
"""The separator between two parts of `reasoning_content`."""

_PLACES: Final = ("start_index", "end_index")
_SHOWN_KINDS: Final[dict[CallKind, Literal["function", "custom"]]] = {
    "function": "function",
    "custom": "custom",
    "tool_search": "function",
}
_TEXT_OF: Final = {"function": "arguments", "custom": "input"}


@frozen(kw_only=True)
class ChatOutputOptions:
    """How a response is written for this client.

    Attributes:
        include_usage: a stream ends with a usage chunk.
        legacy_functions: a call is the deprecated `function_call`, which can hold only one.
        functions_only: custom calls are written as function calls, with the raw input as arguments (Cursor).
        show_reasoning: reasoning is shown as `reasoning_content`.
        service_tier: echoed if it was requested.
    """

    include_usage: bool = False
    legacy_functions: bool = False
    functions_only: bool = False
    show_reasoning: bool = True
    service_tier: str | None = None

    def build_call(self, kind: CallKind, call_id: str, name: str, text: str) -> Json:
        """Build one complete tool call."""
        return {
            "id": call_id,
            "type": self.shown_kind(kind),
            **self.build_call_body(kind, {"name": name}, text),
        }

    def build_call_body(self, kind: CallKind, named: Json, text: Json) -> Json:
        """Build the member of a call that is named after its type."""
        shown = self.shown_kind(kind)
        return {shown: {**named, _TEXT_OF[shown]: text}}

    def shown_kind(self, kind: CallKind) -> Literal["function", "custom"]:
        """Return the type that a call is shown with."""
        return "function" if self.functions_only else _SHOWN_KINDS[kind]

    def finish_reason(self, finish: Finish | None) -> str | None:
        """Return the `finish_reason`."""
        return "function_call" if self.legacy_functions and finish == "tool_calls" else finish


def build_envelope(
    kind: str, output_options: ChatOutputOptions, identity: ResponseIdentity, choices: Json
) -> dict[str, Json]:
    """Build the members that every chunk and every completion begins with."""
    tier = {} if output_options.service_tier is None else {"service_tier": output_options.service_tier}
    return {
        "id": f"chatcmpl-{identity.token}",
        "object": kind,
        "created": identity.created,
        "model": identity.model,
        **tier,
        "system_fingerprint": None,
        "choices": choices,
    }


def build_usage(usages: Iterable[Usage]) -> Json:
    """Build `usage`: the sum over all choices; uncounted tokens are 0."""
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


def render_completion(
    replies: tuple[Reply, ...], output_options: ChatOutputOptions, identity: ResponseIdentity
) -> bytes:
    """Render the body of a response that is not streamed; one reply is one choice."""
    choices = [_choice(index, reply, output_options) for index, reply in enumerate(replies)]
    usage = build_usage(reply.usage for reply in replies if reply.usage is not None)
    return json.encode({**build_envelope("chat.completion", output_options, identity, choices), "usage": usage})


def _choice(index: int, reply: Reply, output_options: ChatOutputOptions) -> Json:
    return {
        "index": index,
        "message": _message(reply, output_options),
        "logprobs": build_logprobs(concat_json_arrays(part.logprobs for part in reply.text_parts if part.logprobs)),
        "finish_reason": output_options.finish_reason(reply.finish),
    }


def _message(reply: Reply, output_options: ChatOutputOptions) -> Json:
    """Build the message: `content` is null if there are only calls or a refusal."""
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
    if output_options.show_reasoning and thoughts:
        message["reasoning_content"] = thoughts
    state = find_state(reply)
    if state is not None:
        message |= build_message_state(state, output_options.show_reasoning)
    if calls and output_options.legacy_functions:
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments}
    elif calls:
        states = {} if state is None else state.calls
        message["tool_calls"] = [{**_call(call, output_options), **states.get(call.call_id, {})} for call in calls]
    return message


def build_logprobs(tokens: JsonText | None) -> Json:
    """Build a choice's `logprobs`; refusals have none."""
    return None if tokens is None else {"content": json.fragment(tokens), "refusal": None}


def build_annotation(noted: JsonText, content_offset: int) -> Json | None:
    """Build a `url_citation`, the only kind of annotation in Chat; return None for any other.

    Args:
        noted: the annotation in Responses' form.
        content_offset: how many characters of `content` precede the message it belongs to.
    """
    found = json.decode(noted)
    if found.get("type") != "url_citation":
        return None
    cited = {name: value for name, value in found.items() if name != "type"}
    places = {name: cited[name] + content_offset for name in _PLACES if isinstance(cited.get(name), int)}
    return {"type": "url_citation", "url_citation": cited | places}


def _annotations(reply: Reply) -> list[Json]:
    written, content_offset = [], 0
    for part in reply.text_parts:
        written += [build_annotation(noted, content_offset) for noted in part.annotations]
        content_offset += len(part.text)
    return [one for one in written if one is not None]


def _call(call: ToolCall, output_options: ChatOutputOptions) -> Json:
    return output_options.build_call(call.kind, call.call_id, call.name, call.arguments)


def _refusal(reply: Reply) -> str:
    messages = (item for item in reply.items if isinstance(item, Message))
    return "".join(part.text for message in messages for part in message.parts if isinstance(part, RefusalPart))
