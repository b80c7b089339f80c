"""The error responses in OpenAI's envelope: `{"error": {"message", "type", "param", "code"}}`."""

from typing import Any

from attrs import frozen

from codexd.wire.json import encode

RETRY_AFTER_SECONDS = 1
"""The Retry-After of a 429: the smallest positive integer."""


@frozen(kw_only=True)
class ErrorEnvelope:
    """One error response: its HTTP status and the fields of the envelope."""

    status: int
    message: str
    type: str = "invalid_request_error"
    code: str | None = None
    param: str | None = None
    allow: str | None = None
    """The Allow header of a 405."""

    @property
    def body(self) -> bytes:
        """The envelope as JSON."""
        return encode({"error": self.member})

    @property
    def member(self) -> dict[str, Any]:
        """The value of the envelope's `error`."""
        return {"message": self.message, "type": self.type, "param": self.param, "code": self.code}


class RequestRejectedError(Exception):
    """The request is rejected with `error`."""

    def __init__(self, error: ErrorEnvelope) -> None:
        super().__init__(error.message)
        self.error = error


_RATE_LIMIT_MESSAGE = "Rate limit reached for scripted. Please try again in 1s."

_MODEL_MESSAGE = "The model `scripted` does not exist or you do not have access to it."

_BY_STATUS = {
    400: ("invalid_request_error", "invalid_value"),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}

_BY_CODE = {
    "rate_limit_exceeded": (429, "requests", _RATE_LIMIT_MESSAGE),
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


def error_for_status(status: int, code: str | None = None) -> ErrorEnvelope:
    """Return the error of `fail: STATUS CODE`; without a code it has the usual one of its status."""
    server = ("server_error", None)
    type, usual = _BY_STATUS.get(status, server if status >= 500 else ("invalid_request_error", None))
    _, type, message = _BY_CODE.get(code or "", (status, type, _message(status, code or usual)))
    return ErrorEnvelope(status=status, message=message, type=type, code=code or usual)


def _message(status: int, code: str | None) -> str:
    if status == 429:
        return _RATE_LIMIT_MESSAGE
    return _MODEL_MESSAGE if code == "model_not_found" else f"The script requested status {status}."


def error_for_code(code: str) -> ErrorEnvelope:
    """Return the error of `fail: CODE`. Its status is used for answers that are not streamed."""
    status, type, message = _BY_CODE.get(code, (500, "server_error", f"The script requested the error {code}."))
    return ErrorEnvelope(status=status, message=message, type=type, code=code)
