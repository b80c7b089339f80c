"""Builds request contexts for tests that call a back end without HTTP."""

from codexd.context import RequestContext, RequestRecord

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def context(id: str = "req_test", deadline: float | None = None, principal: str = "someone") -> RequestContext:
    """Return the context of a new request."""
    record = RequestRecord(id=id, principal=principal)
    return RequestContext(id=id, principal=principal, traceparent=TRACEPARENT, deadline=deadline, record=record)
