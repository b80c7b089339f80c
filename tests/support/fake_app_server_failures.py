"""The fake app-server's errors in `error` and `turn/completed`, by ending of the scripted model."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from codexd.scripted import errors
from codexd.scripted.answer_plan import (
    CompletedEnding,
    DisconnectedEnding,
    Ending,
    FailedEnding,
    IncompleteEnding,
    RejectedEnding,
)
from codexd.wire.json import Json
from tests.support.fake_app_server_thread import message

_BY_CODE = {
    "rate_limit_exceeded": ("rate limit exceeded: ", "rateLimitExceeded"),
    "context_length_exceeded": ("Codex ran out of room", "contextWindowExceeded"),
    "insufficient_quota": ("", "usageLimitExceeded"),
    "server_is_overloaded": ("", "serverOverloaded"),
}
ABORTED = message(
    "user",
    "<turn_aborted>\nThe user interrupted the previous turn on purpose. Any running unified exec processes"
    " may still be running in the background. If any tools/commands were aborted, they may have partially"
    " executed.\n</turn_aborted>",
)
"""The message that tells the model of an interrupted turn."""

GUIDANCE = message(
    "developer",
    "<content_filter_guidance>\nYour previous response was blocked by a content filter. Do not treat this as"
    " a transient failure or try to reproduce or work around the blocked content through repeated attempts,"
    " altered formatting, splitting, encoding, tools, subagents, or later wakes. Briefly explain the"
    " limitation and offer a permitted alternative. Continue unrelated authorized work."
    "\n</content_filter_guidance>",
)
"""The message that tells the model of a content filter."""

_BROKEN = "stream disconnected before completion: "


def failure(ending: Ending) -> Json:
    """Return the error that a turn ends with; None if it ends well."""
    return _ENDINGS[type(ending)](ending)


def _error(message: str, info: Json = "other") -> Json:
    return {"message": message, "codexErrorInfo": info}


def _refused(ending: RejectedEnding) -> Json:
    status, error = ending.status, errors.error_for_status(ending.status, ending.code)
    if status == 400:
        return _error(error.message if ending.code == "invalid_prompt" else error.body.decode())
    if status == 429:
        info = {"responseTooManyFailedAttempts": {"httpStatusCode": status}}
        return _error(f"exceeded retry limit, last status: {status}", info)
    if status == 500:
        return _error("We\u2019re currently experiencing high demand", "internalServerError")
    info = {"httpConnectionFailed": {"httpStatusCode": status}}
    # The real one goes on with the URL, and with the id of the request.
    return _error(f"unexpected status {status} {HTTPStatus(status).phrase}: {error.message}, url: ", info)


def _failed(ending: FailedEnding) -> Json:
    text = errors.error_for_code(ending.code).message
    if ending.code != "invalid_prompt":
        text = _BROKEN + text
    return _error(*_BY_CODE.get(ending.code, (text, "other")))


def _incomplete(ending: IncompleteEnding) -> Json:
    text = f"Incomplete response returned, reason: {ending.reason}"
    return _error(text if ending.reason == "max_output_tokens" else _BROKEN + text)


_ENDINGS: dict[type, Callable[[Any], Json]] = {
    CompletedEnding: lambda ending: None,
    RejectedEnding: _refused,
    FailedEnding: _failed,
    IncompleteEnding: _incomplete,
    DisconnectedEnding: lambda ending: _error(_BROKEN + "Transport error"),
}
