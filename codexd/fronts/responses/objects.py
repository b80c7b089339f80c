"""JSON objects of the Responses API: items, usage, errors, the Response.

The shapes satisfy both OpenAI's types and the Open Responses schema, which requires every member.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from codexd.fronts.dialect import ResponseIdentity
from codexd.fronts.responses.compaction import encode_content
from codexd.fronts.responses.tool_search import build_search_call
from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.records import frozen
from codexd.neutral.reply import OutputItem, Reply
from codexd.neutral.turn import (
    CallKind,
    Compaction,
    JsonText,
    Message,
    Part,
    Reasoning,
    RefusalPart,
    TextPart,
    ToolCall,
    WebSearchCall,
)
from codexd.wire.json import Json, encode, fragment
from codexd.wire.provider_state import is_state

ItemStatus = Literal["in_progress", "completed", "incomplete"]

_CALL_TYPES: Final[dict[CallKind, str]] = {
    "function": "function_call",
    "custom": "custom_tool_call",
    "tool_search": "tool_search_call",
}


@frozen
class Echo:
    """The members of a request that its Response repeats.

    Attributes:
        members: a JSON object of the repeated members, encoded once for all the snapshots of a stream.
        include_encrypted: show reasoning's `encrypted_content` (`include: ["reasoning.encrypted_content"]`).
    """

    members: bytes
    include_encrypted: bool = False


def build_summary_text(text: str) -> Json:
    """Build one part of a reasoning summary."""
    return {"type": "summary_text", "text": text}


def build_reasoning_text(text: str) -> Json:
    """Build one part of open reasoning text."""
    return {"type": "reasoning_text", "text": text}


def build_part(part: Part) -> Json:
    """Build one part of a message."""
    if isinstance(part, RefusalPart):
        return {"type": "refusal", "refusal": part.text}
    assert isinstance(part, TextPart), "models answer in text"
    return {
        "type": "output_text",
        "text": part.text,
        "annotations": [fragment(one) for one in part.annotations],
        "logprobs": build_logprobs(part.logprobs),
    }


def build_logprobs(logprobs: JsonText | None) -> Json:
    """Build log probabilities, which are never null but may be empty."""
    return [] if logprobs is None else fragment(logprobs)


def _message(message: Message, status: ItemStatus, include_encrypted: bool) -> Json:
    shown = {
        "id": message.id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": [build_part(part) for part in message.parts],
    }
    return shown if message.phase is None else shown | {"phase": message.phase}


def _reasoning(thought: Reasoning, status: ItemStatus, include_encrypted: bool) -> Json:
    shown = {
        "id": thought.id,
        "type": "reasoning",
        "status": status,
        "summary": [build_summary_text(text) for text in thought.summary],
    }
    if thought.content:
        shown["content"] = [build_reasoning_text(text) for text in thought.content]
    if thought.encrypted is not None and (include_encrypted or is_state(thought.encrypted)):
        # A model's state is always shown: the server behind an upstream may reject the next request without it.
        shown["encrypted_content"] = thought.encrypted
    return shown


def _call(call: ToolCall, status: ItemStatus, include_encrypted: bool) -> Json:
    head: dict[str, Json] = {"id": call.id, "type": _CALL_TYPES[call.kind], "status": status, "call_id": call.call_id}
    if call.kind == "tool_search":
        return build_search_call(call, head)
    text = "arguments" if call.kind == "function" else "input"
    shown = head | {"name": call.name, text: call.arguments}
    return shown if call.namespace is None else shown | {"namespace": call.namespace}


def _search(search: WebSearchCall, status: ItemStatus, include_encrypted: bool) -> Json:
    # OpenAI's types require an action of every search, also before it is known.
    action = {"type": "search"} if search.action is None else fragment(search.action)
    return {"id": search.id, "type": "web_search_call", "status": status, "action": action}


def _compaction(item: Compaction, status: ItemStatus, include_encrypted: bool) -> Json:
    content = encode_content(item) if status == "completed" else ""
    return {"id": item.id, "type": "compaction", "status": status, "encrypted_content": content}


_ITEMS: Final[dict[type, Callable[[Any, ItemStatus, bool], Json]]] = {
    Message: _message,
    Reasoning: _reasoning,
    ToolCall: _call,
    WebSearchCall: _search,
    Compaction: _compaction,
}


def build_item(output: OutputItem, include_encrypted: bool, status: ItemStatus | None = None) -> Json:
    """Build an output item as in `response.output`; `status` replaces its own."""
    default: ItemStatus = "completed" if output.complete else "incomplete"
    return _ITEMS[type(output)](output, status or default, include_encrypted)


def build_usage(counted: e.Usage) -> Json:
    """Build OpenAI's ResponseUsage; `estimated` is codexd's own member and present only if true."""
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


# The codes that clients know (OpenAI's ResponseError; Codex for the last two).
_CODES: Final = frozenset(
    (
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
        "invalid_image_url",
        "image_too_large",
        "unsupported_image_media_type",
        "context_length_exceeded",
        "insufficient_quota",
    )
)


def build_error(fault: Fault) -> Json:
    """Build `response.error`; a code that clients do not know is replaced by `server_error`."""
    code = fault.code if fault.code in _CODES else "server_error"
    message = fault.message
    if code == "rate_limit_exceeded" and fault.retry_after_seconds is not None:
        # It is too late for a header: Codex parses the delay from exactly this phrase.
        message = f"{message} Please try again in {fault.retry_after_seconds:g}s."
    return {"code": code, "message": message, "type": fault.type}


CANCELLED: Final = "cancelled"
"""A Response status, and the kind of the fault that leads to it."""

# The Response's status and the reason why it is incomplete, by finish reason.
_STATUSES: Final[dict[e.Finish | None, tuple[str, str | None]]] = {
    None: ("in_progress", None),
    "stop": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
}


def response_status(reply: Reply) -> str:
    """Return the Response's status."""
    if reply.fault is None:
        return _STATUSES[reply.finish][0]
    return CANCELLED if reply.fault.kind == CANCELLED else "failed"


def terminal_event_name(status: str) -> bytes:
    """Return the name of a stream's last event for this status: OpenAI has none for `cancelled`."""
    return b"response.incomplete" if status == CANCELLED else b"response." + status.encode()


def _usage_or_estimate(reply: Reply) -> Json:
    if reply.usage is None and reply.finish is not None:
        # Some clients (AI SDK) cannot parse an ended response without usage: it gets zeros, as estimated.
        return build_usage(e.Usage(estimated=True))
    return None if reply.usage is None else build_usage(reply.usage)


def render_response(reply: Reply, identity: ResponseIdentity, echo: Echo, queued: bool = False) -> bytes:
    """Render the Response object (OpenAI `Response`, Open Responses `ResponseResource`) in its current state.

    Args:
        reply: the response so far.
        identity: its id, creation time and model name.
        echo: the members repeated from the request.
        queued: it has not begun.
    """
    output = (encode(build_item(one, echo.include_encrypted)) for one in reply.items)
    return assemble_response(render_body(reply, identity, echo, queued), output)


def assemble_response(body: bytes, output: Iterable[bytes]) -> bytes:
    """Assemble a Response from its `body` and its output items."""
    return b'%b,"output":[%b]}' % (body[:-1], b",".join(output))


def render_body(reply: Reply, identity: ResponseIdentity, echo: Echo, queued: bool = False) -> bytes:
    """Render the Response object without its output, as it is stored; arguments as `render_response`."""
    status = "queued" if queued else response_status(reply)
    reason = None if status == "failed" else _STATUSES[reply.finish][1]
    shown = {
        "id": f"resp_{identity.token}",
        "object": "response",
        "created_at": identity.created,
        "completed_at": identity.now() if status == "completed" else None,
        "status": status,
        "error": build_error(reply.fault) if status == "failed" and reply.fault is not None else None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "model": identity.model,
        "usage": _usage_or_estimate(reply),
    }
    return encode(shown)[:-1] + b"," + echo.members[1:]
