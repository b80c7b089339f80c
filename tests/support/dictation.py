"""Answers as the model's side of each back end tells them: the app-server's child, a Chat server."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.stream import Translator
from codexd.backs.items import custom_arguments
from codexd.neutral import event as e
from codexd.wire.json import Json
from codexd.wire.jsonrpc import Notification
from tests.support import scene
from tests.support.chat_upstream import DONE, TOKEN, Chunk, Spoken, checked, chunk, frames
from tests.support.meeting import FINISHES, TOOLS, UNMET, Answer, Item
from tests.support.scene import Scene

# By kind of fault: the child's message and `codexErrorInfo`, the server's error object.
_BROKEN: Final[dict[str, tuple[str, Json, Json]]] = {
    "rate_limited": ("slow down", "rateLimitExceeded", {"code": "rate_limit_exceeded"}),
    "overloaded": ("busy", "serverOverloaded", {"type": "overloaded_error"}),
    "context_length_exceeded": ("long", "contextWindowExceeded", {"code": "context_length_exceeded"}),
    "quota_exhausted": ("pay", "usageLimitExceeded", {"code": "insufficient_quota"}),
    "model_refused_us": ("who?", "unauthorized", {"code": "invalid_api_key"}),
    "invalid_prompt": (
        '{"error":{"message":"Not like this."}}',
        "other",
        {"message": "Not like this.", "type": "invalid_request_error"},
    ),
    "model_failed": ("boom", "other", {"message": "boom"}),
    "stream_cut": ("stream disconnected before completion", "other", None),
    # The child gives the reason of an answer that was cut as the end of an error's message.
    "length": ("incomplete, reason: max_output_tokens", "other", None),
    "content_filter": ("incomplete, reason: content_filter", "other", None),
}


# The app-server.


def by_child(answer: Answer) -> list[e.Event]:
    """Give what codexd makes of the answer as a child tells it."""
    return checked(Scene.running(answer.turn).hear(*told(answer)).events)


def told(answer: Answer) -> Iterator[Notification]:
    """Give the answer as a child tells it."""
    for item in answer.items:
        yield from _TELLS[item.kind](item)
    if answer.end in _BROKEN:
        message, info, _ = _BROKEN[answer.end]
        yield scene.turn_done("failed", {"message": message, "codexErrorInfo": info})
        return
    yield _response_done(answer.usage)
    if not answer.calls:
        yield scene.turn_done()


def _response_done(usage: e.Usage | None) -> Notification:
    counted = (
        None
        if usage is None
        else {
            "inputTokens": usage.input_tokens,
            "cachedInputTokens": usage.cached_tokens,
            "cacheWriteInputTokens": usage.cache_write_tokens,
            "outputTokens": usage.output_tokens,
            "reasoningOutputTokens": usage.reasoning_tokens,
            "totalTokens": usage.total_tokens,
        }
    )
    return scene.told("rawResponse/completed", responseId="resp_1", usage=counted)


def _tell_message(item: Item) -> Iterator[Notification]:
    yield scene.started("agentMessage", item.id, text="")
    yield from (scene.delta(item.id, piece) for piece in item.pieces)
    if item.whole:
        yield scene.message_done(item.id, item.text)
        yield scene.raw_message(item.id, item.text, *item.notes)


def _tell_thought(item: Item) -> Iterator[Notification]:
    yield scene.started("reasoning", item.id)
    yield from (scene.thought_delta(item.id, 0, piece) for piece in item.pieces)
    if item.whole:
        yield scene.raw_thought(item.id, content=[item.text])


def _tell_call(item: Item) -> Iterator[Notification]:
    kind, namespace, name = TOOLS[item.tool]
    arguments = custom_arguments(item.text) if kind == "custom" else item.text
    call: dict[str, Json] = {"call_id": item.call_id, "name": name, "arguments": arguments}
    yield scene.raw("function_call", id=item.id, namespace=namespace, **call)


_TELLS: Final = {"message": _tell_message, "thought": _tell_thought, "call": _tell_call}


# A Chat server.


def by_server(answer: Answer, calls: Iterable[Chunk] | None = None) -> list[e.Event]:
    """Give what codexd makes of the answer as a Chat server streams it; its calls perhaps in these chunks."""
    translator = Translator(answer.turn, Dialect(), TOKEN)
    return checked([*translator.receive(streamed(answer, calls)), *translator.close()])


def streamed(answer: Answer, calls: Iterable[Chunk] | None = None) -> bytes:
    """Give the answer as a Chat server streams it: its calls come last."""
    said = [one for item in answer.items if item.kind != "call" for one in _STREAMS[item.kind](item)]
    called = [written(item) for item in answer.items if item.kind == "call"]
    chunks = [*said, *(map(_whole_call, count(), called) if calls is None else calls), *_ending(answer)]
    return frames(*chunks) + (b"" if _is_broken(answer) else DONE)


def written(item: Item) -> Spoken:
    """Give a call as the server makes it."""
    arguments = custom_arguments(item.text) if TOOLS[item.tool][0] == "custom" else item.text
    return Spoken(item.tool, arguments, item.call_id if item.named else None)


def _whole_call(index: int, call: Spoken) -> Chunk:
    named = {} if call.id is None else {"id": call.id}
    function = {"name": call.name, "arguments": call.arguments}
    return chunk({"tool_calls": [{"index": index, **named, "type": "function", "function": function}]})


def _is_broken(answer: Answer) -> bool:
    return answer.end not in (*FINISHES, UNMET)


def _ending(answer: Answer) -> list[Chunk]:
    if _is_broken(answer):
        error = _BROKEN[answer.end][2]
        return [] if error is None else [{"error": error}]
    reason = "tool_calls" if answer.calls and answer.end == "stop" else answer.end
    finish = chunk({}, reason if reason in FINISHES or answer.calls else "stop")
    return [finish] if answer.usage is None else [finish, {"choices": [], "usage": _usage(answer.usage)}]


def _usage(usage: e.Usage) -> Json:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _stream_message(item: Item) -> Iterator[Chunk]:
    yield from (chunk({"role": "assistant", "content": piece}) for piece in item.pieces)
    if item.whole and item.notes:
        cited = [{k: v for k, v in note.items() if k != "type"} for note in item.notes]
        yield chunk({"annotations": [{"type": "url_citation", "url_citation": one} for one in cited]})


def _stream_thought(item: Item) -> Iterator[Chunk]:
    yield from (chunk({"reasoning_content": piece}) for piece in item.pieces)


_STREAMS: Final = {"message": _stream_message, "thought": _stream_thought}
