"""Encodes shared answers as an app-server's messages and as a Chat server's stream."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.translator import ChatTranslator
from codexd.backs.items import wrap_custom_input
from codexd.neutral import event as e
from codexd.wire.json import Json
from codexd.wire.jsonrpc import RpcNotification
from tests.support import thread_harness
from tests.support.chat_chunks import DONE, TOKEN, Chunk, ModelCall, check_sentence, chunk, frames
from tests.support.shared_answers import FINISHES, TOOL_CHOICE_UNMET, TOOLS, Answer, Item
from tests.support.thread_harness import ThreadHarness

# By kind of fault: the app-server's message and `codexErrorInfo`, and the Chat server's error object.
_FAILURES: Final[dict[str, tuple[str, Json, Json]]] = {
    "rate_limited": ("slow down", "rateLimitExceeded", {"code": "rate_limit_exceeded"}),
    "overloaded": ("busy", "serverOverloaded", {"type": "overloaded_error"}),
    "context_length_exceeded": ("long", "contextWindowExceeded", {"code": "context_length_exceeded"}),
    "quota_exhausted": ("pay", "usageLimitExceeded", {"code": "insufficient_quota"}),
    "credentials_rejected": ("who?", "unauthorized", {"code": "invalid_api_key"}),
    "unknown_model": ("no such model", "modelNotFound", {"code": "model_not_found"}),
    "invalid_prompt": (
        '{"error":{"message":"Not like this."}}',
        "other",
        {"message": "Not like this.", "type": "invalid_request_error"},
    ),
    "model_failed": ("boom", "internalServerError", {"message": "boom"}),
    "stream_cut": ("stream disconnected before completion", "other", None),
    # The app-server appends the reason of a cut answer to the error message.
    "length": ("incomplete, reason: max_output_tokens", "other", None),
    "content_filter": ("incomplete, reason: content_filter", "other", None),
}


# The app-server.


def events_from_child(answer: Answer) -> list[e.Event]:
    """Return the events that codexd makes of the answer from an app-server."""
    return check_sentence(ThreadHarness.running(answer.turn).receive(*child_messages(answer)).events)


def child_messages(answer: Answer) -> Iterator[RpcNotification]:
    """Yield the app-server's notifications of the answer."""
    for item in answer.items:
        yield from _MESSAGES[item.kind](item)
    if answer.end in _FAILURES:
        message, info, _ = _FAILURES[answer.end]
        yield thread_harness.turn_completed("failed", {"message": message, "codexErrorInfo": info})
        return
    yield _response_done(answer.usage)
    if not answer.calls:
        yield thread_harness.turn_completed()


def _response_done(usage: e.Usage | None) -> RpcNotification:
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
    return thread_harness.turn_notification("rawResponse/completed", responseId="resp_1", usage=counted)


def _message_messages(item: Item) -> Iterator[RpcNotification]:
    yield thread_harness.started("agentMessage", item.id, text="")
    yield from (thread_harness.delta(item.id, piece) for piece in item.pieces)
    if item.whole:
        yield thread_harness.message_completed(item.id, item.text)
        yield thread_harness.raw_message(item.id, item.text, *item.notes)


def _thought_messages(item: Item) -> Iterator[RpcNotification]:
    yield thread_harness.started("reasoning", item.id)
    yield from (thread_harness.reasoning_delta(item.id, 0, piece) for piece in item.pieces)
    if item.whole:
        yield thread_harness.raw_reasoning(item.id, content=[item.text])


def _call_messages(item: Item) -> Iterator[RpcNotification]:
    kind, namespace, name = TOOLS[item.tool]
    arguments = wrap_custom_input(item.text) if kind == "custom" else item.text
    call: dict[str, Json] = {"call_id": item.call_id, "name": name, "arguments": arguments}
    yield thread_harness.raw("function_call", id=item.id, namespace=namespace, **call)


_MESSAGES: Final = {"message": _message_messages, "thought": _thought_messages, "call": _call_messages}


# A Chat server.


def events_from_server(answer: Answer, calls: Iterable[Chunk] | None = None) -> list[e.Event]:
    """Return the events that codexd makes of the answer from a Chat server.

    Args:
        calls: chunks that replace those of its calls.
    """
    translator = ChatTranslator(answer.turn, ServerCapabilities(), TOKEN)
    return check_sentence([*translator.receive(server_stream(answer, calls)), *translator.close()])


def server_stream(answer: Answer, calls: Iterable[Chunk] | None = None) -> bytes:
    """Return the Chat server's stream of the answer, with its calls last.

    Args:
        calls: chunks that replace those of its calls.
    """
    said = [one for item in answer.items if item.kind != "call" for one in _CHUNKS[item.kind](item)]
    called = [server_call(item) for item in answer.items if item.kind == "call"]
    chunks = [*said, *(map(_whole_call, count(), called) if calls is None else calls), *_ending(answer)]
    return frames(*chunks) + (b"" if _is_broken(answer) else DONE)


def server_call(item: Item) -> ModelCall:
    """Return a call as a Chat server sends it."""
    arguments = wrap_custom_input(item.text) if TOOLS[item.tool][0] == "custom" else item.text
    return ModelCall(item.tool, arguments, item.call_id if item.named else None)


def _whole_call(index: int, call: ModelCall) -> Chunk:
    named = {} if call.id is None else {"id": call.id}
    function = {"name": call.name, "arguments": call.arguments}
    return chunk({"tool_calls": [{"index": index, **named, "type": "function", "function": function}]})


def _is_broken(answer: Answer) -> bool:
    return answer.end not in (*FINISHES, TOOL_CHOICE_UNMET)


def _ending(answer: Answer) -> list[Chunk]:
    if _is_broken(answer):
        error = _FAILURES[answer.end][2]
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


def _message_chunks(item: Item) -> Iterator[Chunk]:
    yield from (chunk({"role": "assistant", "content": piece}) for piece in item.pieces)
    if item.whole and item.notes:
        cited = [{k: v for k, v in note.items() if k != "type"} for note in item.notes]
        yield chunk({"annotations": [{"type": "url_citation", "url_citation": one} for one in cited]})


def _thought_chunks(item: Item) -> Iterator[Chunk]:
    yield from (chunk({"reasoning_content": piece}) for piece in item.pieces)


_CHUNKS: Final = {"message": _message_chunks, "thought": _thought_chunks}
