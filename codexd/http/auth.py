"""Identifies callers by their API keys."""

from collections.abc import Callable
from typing import Final

from attrs import frozen

from codexd.context import RequestContext
from codexd.fronts.unknown_url import unknown_url
from codexd.http.path import canonical
from codexd.http.request import Request
from codexd.http.request_id import begin_span, read_trace_id, traceparent, tracestate
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.policy.auth import ANONYMOUS, LOCAL_ADMIN, Credentials, KeyRing, Principal
from codexd.policy.cors import CorsPolicy
from codexd.policy.key_policy import allows_endpoint

UNKNOWN_CALLER_BODY_BYTES: Final = 64 * 2**10
"""The maximum body that is read from an unauthenticated caller."""


@frozen(kw_only=True)
class Authenticator:
    """Identifies callers by their API keys.

    Attributes:
        keys: the configured keys.
        cors: the web pages that may call where no key is configured.
        max_body_bytes: the largest body of a known caller, before and after decoding.
        total_seconds: how long a request may take; its deadline.
        now: returns Unix time in seconds, for the expiry of keys.
        sample_ratio: the part of the requests whose trace is exported; None if none are.
    """

    keys: KeyRing
    cors: CorsPolicy
    max_body_bytes: int
    total_seconds: float
    now: Callable[[], float]
    sample_ratio: float | None = None

    def identify(self, request: Request) -> int:
        """Identify the caller by the headers, and return how many bytes of body to read."""
        request.principal = self._identify(_read_credentials(request))
        return UNKNOWN_CALLER_BODY_BYTES if request.principal is None else self.max_body_bytes

    def _identify(self, presented: Credentials) -> Principal | None:
        return self.keys.identify(presented, self.now())

    def explain_rejection(self, request: Request) -> Fault:
        """Return the fault of a request of an unknown caller."""
        return self.keys.explain_rejection(_read_credentials(request), self.now())

    def authenticate_admin(self, request: Request) -> None:
        """Authenticate a request to administer the daemon, and set its context.

        Raises:
            FaultError: `unknown_url` if no key may do that; `invalid_api_key`, `not_an_admin`.
        """
        if not self.has_admin:
            raise FaultError(unknown_url(canonical(request.path)))
        if request.principal is None or request.principal == ANONYMOUS:
            raise FaultError(self.explain_rejection(request))
        request.record.principal = request.principal.id
        if not request.principal.is_admin:
            raise FaultError(fault("not_an_admin"))
        self.authenticate(request)

    @property
    def has_admin(self) -> bool:
        """Whether anyone may administer the daemon here."""
        return self.keys.has_admin

    def may_see_details(self, request: Request) -> bool:
        """Return whether the caller of a public route may see what the metrics show."""
        if request.principal is None or not allows_endpoint(request.principal.policy, "metrics"):
            return False
        return not self.keys.is_open or self.cors.allows(request.getHeader(b"origin"))

    def authenticate(self, request: Request) -> None:
        """Authenticate the request and set its context.

        Without keys only this machine can call, but so can any web page in its browser: such pages are refused, also
        when they send requests for which browsers send no preflight.

        Raises:
            FaultError: `invalid_api_key`, `origin_not_allowed`.
        """
        if self.keys.is_open and not self.cors.allows(request.getHeader(b"origin")):
            raise FaultError(fault("origin_not_allowed"))
        if request.principal is None:
            raise FaultError(self.explain_rejection(request))
        self.set_context(request, request.principal)

    def set_context(self, request: Request, principal: Principal) -> None:
        """Set the context of a request of this principal."""
        record = request.record
        record.principal = principal.id
        request.context = RequestContext(
            id=record.id,
            principal=principal.id,
            traceparent=(trace := self._begin_trace(request)),
            tracestate=_tracestate_of(request, trace),
            deadline=record.began + self.total_seconds,
            record=record,
            policy=principal.policy,
        )

    def _begin_trace(self, request: Request) -> str:
        """Return the trace context for upstreams: the client's, or that of the request's own span if it has one.

        A client that takes part in the trace gets it back; others need no further header.
        """
        given, record = request.getHeader(b"traceparent"), request.record
        if self.sample_ratio is None:
            trace = traceparent(given)
        else:
            record.span = begin_span(given, self.sample_ratio)
            trace = record.span.traceparent()
        record.trace_id = read_trace_id(trace)
        if given is not None and given[3:35] == record.trace_id.encode():
            request.setHeader(b"traceparent", trace.encode())
        return trace


def _tracestate_of(request: Request, trace: str) -> str:
    """Return the `tracestate` of the client if its trace is continued; it belongs to its `traceparent`."""
    given = request.getHeader(b"traceparent")
    if given is None or given[3:35] != read_trace_id(trace).encode():
        return ""
    return tracestate(request.requestHeaders.getRawHeaders(b"tracestate", []))


@frozen(kw_only=True)
class ControlAuthenticator(Authenticator):
    """Treats every caller as an administrator: for the control socket, whose file mode is its authentication."""

    @property
    def has_admin(self) -> bool:
        """Whether anyone may administer the daemon here."""
        return True

    def _identify(self, presented: Credentials) -> Principal | None:
        return LOCAL_ADMIN


def _read_credentials(request: Request) -> Credentials:
    header = request.getHeader
    return Credentials(header(b"authorization"), header(b"x-api-key"), header(b"api-key"))
