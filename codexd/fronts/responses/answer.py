"""Neutral values as the Responses API shows them: items, usage, errors, the Response object.

The shapes satisfy both OpenAI's own types and the Open Responses schema, which wants every member present.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from attrs import frozen

from codexd.fronts.exchange import Stamp
from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.reply import Output, Reply
from codexd.neutral.turn import JsonText, Message, Part, Reasoning, RefusalPart, Search, TextPart, ToolCall
from codexd.wire.json import Json, encode, fragment

ItemStatus = Literal["in_progress", "completed", "incomplete"]


@frozen
class Echo:
    """What a Response repeats of its request.

    Attributes:
        members: a JSON object of the repeated members, encoded once for all the snapshots of a stream.
        sealed: show reasoning's `encrypted_content` (`include: ["reasoning.encrypted_content"]`).
    """

    members: bytes
    sealed: bool = False


def summary_text(text: str) -> Json:
    """Give one paragraph of a reasoning summary."""
    return {"type": "summary_text", "text": text}


def reasoning_text(text: str) -> Json:
    """Give one piece of open reasoning text."""
    return {"type": "reasoning_text", "text": text}


def said(part: Part) -> Json:
    """Give one part of a message."""
    if isinstance(part, RefusalPart):
        return {"type": "refusal", "refusal": part.text}
    assert isinstance(part, TextPart), "models answer in text"
    return {
        "type": "output_text",
        "text": part.text,
        "annotations": [fragment(one) for one in part.annotations],
        "logprobs": tokens(part.logprobs),
    }


def tokens(logprobs: JsonText | None) -> Json:
    """Give log probabilities, of which there are always some: perhaps none."""
    return [] if logprobs is None else fragment(logprobs)


def _message(message: Message, status: ItemStatus, sealed: bool) -> Json:
    shown = {
        "id": message.id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [said(part) for part in message.parts],
    }
    return shown if message.phase is None else shown | {"phase": message.phase}


def _reasoning(thought: Reasoning, status: ItemStatus, sealed: bool) -> Json:
    shown = {
        "id": thought.id,
        "type": "reasoning",
        "status": status,
        "summary": [summary_text(text) for text in thought.summary],
    }
    if thought.content:
        shown["content"] = [reasoning_text(text) for text in thought.content]
    if sealed and thought.encrypted is not None:
        shown["encrypted_content"] = thought.encrypted
    return shown


def _call(call: ToolCall, status: ItemStatus, sealed: bool) -> Json:
    of_function = call.kind == "function"
    shown = {
        "id": call.id,
        "type": "function_call" if of_function else "custom_tool_call",
        "status": status,
        "call_id": call.call_id,
        "name": call.name,
        "arguments" if of_function else "input": call.arguments,
    }
    return shown if call.namespace is None else shown | {"namespace": call.namespace}


def _search(search: Search, status: ItemStatus, sealed: bool) -> Json:
    # OpenAI's types want an action of every search, one that has not told it yet included.
    action = {"type": "search"} if search.action is None else fragment(search.action)
    return {"id": search.id, "type": "web_search_call", "status": status, "action": action}


_ITEMS: Final[dict[type, Callable[[Any, ItemStatus, bool], Json]]] = {
    Message: _message,
    Reasoning: _reasoning,
    ToolCall: _call,
    Search: _search,
}


def item(output: Output, sealed: bool, status: ItemStatus | None = None) -> Json:
    """Give an output item as it stands in `response.output`; `status` overrides its completeness."""
    stands: ItemStatus = "completed" if output.complete else "incomplete"
    return _ITEMS[type(output)](output, status or stands, sealed)


def usage(counted: e.Usage) -> Json:
    """Give OpenAI's ResponseUsage; `estimated` is ours, and only there when it is true."""
    shown = {
        "input_tokens": counted.input_tokens,
        "input_tokens_details": {
            "cached_tokens": counted.cached_tokens,
            "cache_write_tokens": counted.cache_write_tokens,
        },
        "output_tokens": counted.output_tokens,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
        "total_tokens": counted.total_tokens,
    }
    return shown | {"estimated": True} if counted.estimated else shown


# The codes clients give a meaning to (OpenAI's ResponseError; Codex for the last two).
_CODES: Final = frozenset(
    ("server_error", "rate_limit_exceeded", "invalid_prompt", "context_length_exceeded", "insufficient_quota")
)


def error(fault: Fault) -> Json:
    """Give `response.error`; its code is one that clients know, any other failure is a `server_error`."""
    code = fault.code if fault.code in _CODES else "server_error"
    message = fault.message
    if code == "rate_limit_exceeded" and fault.retry_after_seconds is not None:
        # There is no header this late: Codex reads the delay out of this very phrase.
        message = f"{message} Please try again in {fault.retry_after_seconds:g}s."
    return {"code": code, "message": message, "type": fault.type}


CANCELLED: Final = "cancelled"
"""Both a Response's status and the fault that comes to it."""

# How an answer's end is told: the Response's status, and why it is incomplete.
_ENDS: Final[dict[e.Finish | None, tuple[str, str | None]]] = {
    None: ("in_progress", None),
    "stop": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
}


def status(reply: Reply) -> str:
    """Give the Response's status."""
    if reply.fault is None:
        return _ENDS[reply.finish][0]
    return CANCELLED if reply.fault.kind == CANCELLED else "failed"


def terminal(status: str) -> bytes:
    """Give the last event of a stream whose Response ends like this: OpenAI has none for a cancelled one."""
    return b"response.incomplete" if status == CANCELLED else b"response." + status.encode()


def _cost(reply: Reply) -> Json:
    if reply.usage is None and reply.finish is not None:
        # Some clients (AI SDK) cannot read an ended response without usage; zeros that say they are a guess.
        return usage(e.Usage(estimated=True))
    return None if reply.usage is None else usage(reply.usage)


def response(reply: Reply, stamp: Stamp, echo: Echo, queued: bool = False) -> bytes:
    """Write the whole Response object (OpenAI `Response`, Open Responses `ResponseResource`) as it stands.

    Args:
        reply: the answer so far.
        stamp: what makes it this one.
        echo: what it repeats of its request.
        queued: it has not begun.
    """
    output = (encode(item(one, echo.sealed)) for one in reply.items)
    return whole(body(reply, stamp, echo, queued), output)


def whole(body: bytes, output: Iterable[bytes]) -> bytes:
    """Put a Response together from its `body` and the items of its output."""
    return b'%b,"output":[%b]}' % (body[:-1], b",".join(output))


def body(reply: Reply, stamp: Stamp, echo: Echo, queued: bool = False) -> bytes:
    """Write the Response object but for its output, as it is kept; the arguments are those of `response`."""
    stands = "queued" if queued else status(reply)
    reason = None if stands == "failed" else _ENDS[reply.finish][1]
    shown = {
        "id": f"resp_{stamp.token}",
        "object": "response",
        "created_at": stamp.created,
        "completed_at": stamp.now() if stands == "completed" else None,
        "status": stands,
        "error": error(reply.fault) if stands == "failed" and reply.fault is not None else None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "model": stamp.model,
        "usage": _cost(reply),
    }
    return encode(shown)[:-1] + b"," + echo.members[1:]
