"""Failures of a provider, as scripts of the scripted model, and how the `openai` package reports them."""

import openai
from attrs import frozen


@frozen(kw_only=True)
class Failure:
    """The expected status, error and headers of a failure; None for a header that must be absent."""

    said: str
    raised: type[openai.APIStatusError]
    status: int
    type: str
    code: str
    retry_after: str | None = None
    should_retry: str | None = None


BAD, RATE, SERVER = openai.BadRequestError, openai.RateLimitError, openai.InternalServerError
INVALID, BROKEN = "invalid_request_error", "server_error"

FAILURES = (
    Failure(
        said="fail: 400",
        raised=BAD,
        status=400,
        type=INVALID,
        code="invalid_prompt",
        retry_after=None,
        should_retry="false",
    ),
    Failure(
        said="fail: context_length_exceeded",
        raised=BAD,
        status=400,
        type=INVALID,
        code="context_length_exceeded",
        retry_after=None,
        should_retry="false",
    ),
    # A provider's words about the request arrive in different forms, and are a 400 in each.
    *(
        Failure(said=said, raised=BAD, status=400, type=INVALID, code="invalid_prompt", should_retry="false")
        for said in (
            "fail: 400 invalid_prompt",
            "fail: 400 cyber_policy",
            "fail: 400 bio_policy",
            "fail: 409",
            "fail: 422",
            "fail: invalid_prompt",
            "fail: cyber_policy",
            "fail: bio_policy",
            "fail: misalignment_policy_violation",
        )
    ),
    *(
        Failure(
            said=said,
            raised=BAD,
            status=400,
            type=INVALID,
            code="context_length_exceeded",
            should_retry="false",
        )
        for said in ("fail: 400 context_length_exceeded", "fail: 422 context_length_exceeded", "fail: 413")
    ),
    *(
        Failure(
            said=said,
            raised=openai.NotFoundError,
            status=404,
            type=INVALID,
            code="model_not_found",
            should_retry="false",
        )
        for said in ("fail: 404", "fail: 400 model_not_found")
    ),
    *(
        Failure(said=said, raised=SERVER, status=502, type=BROKEN, code="provider_rejected", should_retry="false")
        for said in ("fail: 404 unknown_url", "fail: 405", "fail: 410", "fail: 415", "fail: 418", "fail: 501")
    ),
    *(
        Failure(said=said, raised=SERVER, status=503, type=BROKEN, code="overloaded", retry_after="5")
        for said in ("fail: 408", "fail: 529", "fail: 503 server_is_overloaded", "fail: flex_unavailable")
    ),
    *(
        Failure(
            said=said,
            raised=RATE,
            status=429,
            type="insufficient_quota",
            code="insufficient_quota",
            should_retry="false",
        )
        for said in ("fail: 402", "fail: 429 insufficient_quota", "fail: 400 insufficient_quota")
    ),
    Failure(said="fail: 502", raised=SERVER, status=502, type=BROKEN, code="model_failed"),
    Failure(said="fail: 504", raised=SERVER, status=502, type=BROKEN, code="model_failed"),
    # The child reports it like a stream that was cut.
    Failure(said="fail: something_else", raised=SERVER, status=502, type=BROKEN, code="stream_cut"),
    Failure(said="fail: 401", raised=SERVER, status=502, type=BROKEN, code="credentials_rejected"),
    Failure(said="fail: 403", raised=SERVER, status=502, type=BROKEN, code="credentials_rejected"),
    Failure(said="fail: 429", raised=RATE, status=429, type="requests", code="rate_limit_exceeded"),
    Failure(
        said="fail: rate_limit_exceeded",
        raised=RATE,
        status=429,
        type="requests",
        code="rate_limit_exceeded",
        retry_after="1",
    ),
    Failure(
        said="fail: insufficient_quota",
        raised=RATE,
        status=429,
        type="insufficient_quota",
        code="insufficient_quota",
        retry_after=None,
        should_retry="false",
    ),
    Failure(said="fail: 500", raised=SERVER, status=502, type=BROKEN, code="model_failed"),
    Failure(said="fail: 503", raised=SERVER, status=503, type=BROKEN, code="overloaded", retry_after="5"),
    Failure(
        said="fail: server_is_overloaded", raised=SERVER, status=503, type=BROKEN, code="overloaded", retry_after="5"
    ),
    Failure(said="cut: in the middle", raised=SERVER, status=502, type=BROKEN, code="stream_cut"),
)
