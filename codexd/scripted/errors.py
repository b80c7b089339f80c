"""The scripted failures in OpenAI's envelope: `{"error": {"message", "type", "param", "code"}}`."""

from typing import Any

from attrs import frozen

from codexd.wire.json import encode

RETRY_AFTER_SECONDS = 1
"""What a 429 tells its client to wait; the shortest whole number that is not 0."""


@frozen
class Error:
    """One failure: its HTTP status and the fields of the envelope."""

    status: int
    message: str
    kind: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    allow: str | None = None
    """The methods a 405 names."""

    @property
    def body(self) -> bytes:
        """The envelope as JSON."""
        return encode({"error": self.member})

    @property
    def member(self) -> dict[str, Any]:
        """The value of the envelope's `error`."""
        return {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}


class Rejected(Exception):
    """The request cannot be answered; `error` says why."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.error = error


_RATE = "Rate limit reached for scripted. Please try again in 1s."

_BY_STATUS = {
    400: ("invalid_request_error", "invalid_value"),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}

_BY_CODE = {
    "rate_limit_exceeded": (429, "requests", _RATE),
    "insufficient_quota": (429, "insufficient_quota", "You exceeded your current quota."),
    "usage_not_included": (429, "usage_not_included", "Your plan does not include this."),
    "context_length_exceeded": (
        400,
        "invalid_request_error",
        "Your input exceeds the context window of this model.",
    ),
    "invalid_prompt": (400, "invalid_request_error", "This prompt cannot be answered."),
    "server_is_overloaded": (503, "service_unavailable_error", "The server is overloaded."),
}


def of_status(status: int) -> Error:
    """Make the failure that `fail: STATUS` asks for."""
    server = ("server_error", None)
    kind, code = _BY_STATUS.get(status, server if status >= 500 else ("invalid_request_error", None))
    message = _RATE if status == 429 else f"The script asked for status {status}."
    return Error(status, message, kind, code)


def of_code(code: str) -> Error:
    """Make the failure that `fail: CODE` asks for; its status is for answers that are not streamed."""
    status, kind, message = _BY_CODE.get(
        code, (500, "server_error", f"The script asked for the error {code}.")
    )
    return Error(status, message, kind, code)
