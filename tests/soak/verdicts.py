"""Judges how a response ended: honestly, or not."""

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from codexd.wire import json

DEFECTS: Final = ("internal", "internal_error")
_ERROR_FIELDS: Final = {"message", "type", "param", "code"}
_TERMINAL: Final = ("response.completed", "response.failed", "response.incomplete", "error")


@frozen
class Verdict:
    """How one response ended.

    Attributes:
        outcome: `ok`, `refused` (an HTTP error), `failed` (an error after the first byte), `incomplete`,
            `disconnected` (by this client), `cut` (by the server, where that is allowed), or `dishonest`.
        detail: the error code, or what was dishonest.
    """

    outcome: str
    detail: str = ""

    @property
    def is_honest(self) -> bool:
        """Whether the client was told the truth."""
        return self.outcome != "dishonest"


def dishonest(detail: str) -> Verdict:
    """Return the verdict on a response that lied, or ended without an end."""
    return Verdict("dishonest", detail)


def judge_error(status: int, body: bytes) -> Verdict:
    """Judge an HTTP error: it has OpenAI's shape, and is no defect of codexd."""
    try:
        error = json.decode(body)["error"]
        is_shaped = set(error) == _ERROR_FIELDS and isinstance(error["message"], str)
    except (ValueError, KeyError, TypeError):
        is_shaped = False
    if not is_shaped:
        return dishonest(f"an error {status} without OpenAI's shape")
    if error["code"] in DEFECTS:
        return dishonest(f"a defect: {error['message']}")
    return Verdict("refused", f"{status} {error['code']}")


def judge_chat_body(body: Any, expected: str) -> Verdict:
    """Judge a chat completion that is one body."""
    choice = body["choices"][0]
    if choice["finish_reason"] == "stop" and choice["message"]["content"] != expected:
        return dishonest("a complete answer with another text")
    if not body.get("usage"):
        return dishonest("a complete answer without usage")
    return Verdict("ok")


def judge_chat_stream(events: Sequence[str], expected: str) -> Verdict:
    """Judge the data of the events of a chat stream that the server has ended."""
    if not events:
        return dishonest("a stream without events")
    if events[-1] == "[DONE]":
        chunks = [json.decode(event) for event in events[:-1]]
        if any("error" in chunk for chunk in chunks):
            return dishonest("an error, and then success")
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        reasons = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
        if len(reasons) != 1:
            return dishonest(f"{len(reasons)} finish reasons")
        text = "".join(choice["delta"].get("content") or "" for choice in choices)
        if reasons == ["stop"] and text != expected:
            return dishonest("a complete answer with another text")
        return Verdict("ok")
    last = json.decode(events[-1])
    if "error" not in last:
        return dishonest("a stream without an end")
    return _judge_failure(last["error"])


def judge_response_events(events: Sequence[str], expected: str) -> Verdict:
    """Judge the data of the events of a Responses stream that the server has ended."""
    decoded = [json.decode(event) for event in events]
    ends = [event for event in decoded if event["type"] in _TERMINAL]
    if len(ends) != 1 or decoded[-1] is not ends[0]:
        return dishonest(f"{len(ends)} terminal events of {len(decoded)}")
    end = ends[0]
    if end["type"] == "error":
        return _judge_failure(end)
    return judge_response_body(end["response"], expected)


def judge_response_body(response: Any, expected: str) -> Verdict:
    """Judge a response object that is over."""
    if response["status"] == "failed":
        return _judge_failure(response["error"])
    if response["status"] == "incomplete":
        return Verdict("incomplete", response["incomplete_details"]["reason"])
    if response["status"] == "cancelled":
        return Verdict("disconnected", "cancelled")
    texts = [part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"]]
    if response["status"] != "completed" or "".join(texts) != expected:
        return dishonest(f"{response['status']} with another text")
    if not response["usage"]:
        return dishonest("a complete answer without usage")
    return Verdict("ok")


def _judge_failure(error: Any) -> Verdict:
    code = error.get("code") or error.get("type") or ""
    return dishonest(f"a defect: {error.get('message')}") if code in DEFECTS else Verdict("failed", str(code))
