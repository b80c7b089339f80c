"""Reads and merges Chat Completions streams, as a strict client does."""

from typing import Any

from attrs import define, field

from codexd.wire import json
from codexd.wire.sse import SseDecoder

TEXTS = ("content", "refusal", "reasoning_content")


@define
class ChatStream:
    """The chunks, the error and the end of one stream."""

    chunks: list[dict[str, Any]] = field(factory=list)
    error: dict[str, Any] | None = None
    done: bool = False


def read(stream: bytes) -> ChatStream:
    """Read a stream; anything after its end fails."""
    seen = ChatStream()
    for frame in SseDecoder().receive(stream):
        assert frame.event is None, "Chat streams have no event lines"
        assert not seen.done, "data after [DONE]"
        assert seen.error is None, "data after an error"
        if frame.data == b"[DONE]":
            seen.done = True
        elif "error" in (value := json.decode(frame.data)):
            seen.error = value["error"]
        else:
            seen.chunks.append(value)
    return seen


def merge(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge the chunks of a stream into the body of the JSON answer."""
    heads = [{**chunk, "choices": None, "usage": None} for chunk in chunks]
    assert all(head == heads[0] for head in heads), "the envelope changes"
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for piece in chunk["choices"]:
            _add(choices.setdefault(piece["index"], _empty(piece["index"])), piece)
    whole = {
        **heads[0],
        "object": "chat.completion",
        "choices": [_whole(choices[i]) for i in sorted(choices)],
    }
    whole["usage"] = next((chunk["usage"] for chunk in chunks if chunk.get("usage")), None)
    return whole


def _empty(index: int) -> dict[str, Any]:
    return {"index": index, "message": {}, "logprobs": None, "finish_reason": None}


def _add(choice: dict[str, Any], piece: dict[str, Any]) -> None:
    assert choice["finish_reason"] is None, "data after the finish reason of a choice"
    message, delta = choice["message"], dict(piece["delta"])
    if piece["logprobs"] is not None:
        logprobs = choice["logprobs"] = choice["logprobs"] or {"content": [], "refusal": None}
        logprobs["content"] += piece["logprobs"]["content"]
        assert piece["logprobs"]["refusal"] is None
    role = delta.pop("role", None)
    assert (role is None) == bool(message), "the role comes first and once"
    if role is not None:
        message["role"] = role
    for call in delta.pop("tool_calls", ()):
        _add_call(message.setdefault("tool_calls", []), dict(call))
    if "function_call" in delta:
        _add_texts(message.setdefault("function_call", {}), delta.pop("function_call"))
    if "annotations" in delta:
        message.setdefault("annotations", []).extend(delta.pop("annotations"))
    for name in TEXTS:
        if name in delta:
            message[name] = message.get(name, "") + delta.pop(name)
    assert not delta, f"unknown members of a delta: {delta}"
    choice["finish_reason"] = piece["finish_reason"]


def _add_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    index = piece.pop("index")
    if index == len(calls):
        calls.append({"id": piece.pop("id"), "type": piece.pop("type")})
    call = calls[index]
    (body,) = piece
    assert body == call["type"], "a fragment of another type"
    _add_texts(call.setdefault(body, {}), piece[body])


def _add_texts(body: dict[str, str], piece: dict[str, str]) -> None:
    """Concatenate, as all clients do: a repeated name would be doubled."""
    for name, text in piece.items():
        body[name] = body.get(name, "") + text


def _whole(choice: dict[str, Any]) -> dict[str, Any]:
    """Apply the one rule beyond concatenation: empty content beside calls or a refusal is null."""
    message = choice["message"]
    message.setdefault("refusal", None)
    stands = message["refusal"] or "tool_calls" in message or "function_call" in message
    if not message["content"] and stands:
        message["content"] = None
    return choice
