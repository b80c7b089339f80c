"""Who may use the status page: whoever has an administrator's key; where no key is set, whoever uses this machine."""

import re
import secrets
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from attrs import frozen
from twisted.internet.address import UNIXAddress

from codexd.http.request import Request
from codexd.neutral.fault import FaultError, fault
from codexd.policy.auth import ANONYMOUS, Credentials, Principal
from codexd.policy.hosts import HostPolicy
from codexd.policy.sign_ins import SignIns

COOKIE: Final = b"codexd_sign_in"
_FORWARDED: Final = re.compile(
    rb"forwarded|via|x-(?:original-)?forwarded-.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|"
    rb"cf-connecting-ip|fastly-client-ip",
    re.IGNORECASE,
)
"""The headers that proxies add."""

_THIS_MACHINE: Final = HostPolicy()


@frozen
class Visitor:
    """Who uses the page.

    Attributes:
        principal: in whose name the playground sends its requests.
        sign_in: the token of the browser's sign-in; empty if it needs none.
    """

    principal: Principal
    sign_in: str = ""


@frozen(kw_only=True)
class PageAccess:
    """Decides who may use the page, and signs browsers in and out.

    Attributes:
        sign_ins: the signed-in browsers.
        sign_in_seconds: how long a sign-in lasts.
        now: returns Unix time in seconds.
    """

    sign_ins: SignIns
    sign_in_seconds: float
    now: Callable[[], float]

    def identify(self, request: Request) -> Visitor | None:
        """Return who uses the page; None for who has to sign in."""
        authenticator = request.site.authenticator
        if request.principal is not None and request.principal.is_admin:
            return Visitor(request.principal)
        sign_in = read_cookie(request)
        found = self.sign_ins.find(sign_in, self.now()) if sign_in else None
        principal = None if found is None else authenticator.keys.identify_digest(found.key_digest, self.now())
        if principal is not None and principal.is_admin:
            return Visitor(principal, sign_in)
        is_open = authenticator.keys.is_open and not authenticator.has_admin
        return Visitor(ANONYMOUS) if is_open and _is_local(request) else None

    def admit(self, request: Request, visitor: Visitor) -> None:
        """Set the context of a request, as authentication does for the routes of the API."""
        request.principal = visitor.principal
        request.site.authenticator.set_context(request, visitor.principal)

    def form_token(self, visitor: Visitor | None) -> str:
        """Return the token of the forms of a visitor."""
        return self.sign_ins.form_token("" if visitor is None else visitor.sign_in)

    def check_form(self, request: Request, visitor: Visitor | None, token: str) -> None:
        """Refuse a form that a page of another origin has sent.

        Browsers say for each request whose page has sent it (W3C Fetch Metadata), if this server is `localhost` or
        reached by TLS; the token decides for all others, because no other page can read it.

        Raises:
            FaultError: `form_rejected`.
        """
        site = request.getHeader(b"sec-fetch-site")
        sign_in = "" if visitor is None else visitor.sign_in
        if site not in (None, b"same-origin") or not self.sign_ins.is_form_token(token, sign_in):
            raise FaultError(fault("form_rejected"))

    def sign_in(self, request: Request, key: str) -> None:
        """Sign the browser in.

        Raises:
            FaultError: `invalid_api_key`; `not_an_admin`.
        """
        keys = request.site.authenticator.keys
        principal = keys.identify(Credentials(x_api_key=key.strip().encode()), self.now())
        if principal is None or principal == ANONYMOUS:
            raise FaultError(fault("invalid_api_key", "This is not the API key of an administrator."))
        request.record.principal = principal.id
        if not principal.is_admin:
            raise FaultError(fault("not_an_admin"))
        token = secrets.token_urlsafe(32)
        self.sign_ins.add(token, key.strip(), self.now() + self.sign_in_seconds)
        _set_cookie(request, token, int(self.sign_in_seconds))

    def sign_out(self, request: Request) -> None:
        """Sign the browser out."""
        self.sign_ins.remove(read_cookie(request))
        _set_cookie(request, "", 0)


def read_cookie(request: Request) -> str:
    """Return the token of the sign-in that a browser presents; empty for none."""
    return (request.getCookie(COOKIE) or b"").decode("latin-1")


def _set_cookie(request: Request, token: str, seconds: int) -> None:
    request.addCookie(
        COOKIE.decode(),
        token,
        max_age=str(seconds),
        path="/",
        httpOnly=True,
        sameSite="strict",
        secure=request.isSecure() or request.getHeader(b"x-forwarded-proto") == b"https",
    )


def _is_local(request: Request) -> bool:
    """Return whether a request is from this machine, and no proxy has passed it on for another."""
    if any(_FORWARDED.fullmatch(name) for name, _ in request.requestHeaders.getAllRawHeaders()):
        return False
    client = request.getClientAddress()
    if isinstance(client, UNIXAddress):
        return True
    try:
        is_loopback = ip_address(getattr(client, "host", "")).is_loopback
    except ValueError:
        return False
    host = request.getHeader(b"host")
    return is_loopback and host is not None and _THIS_MACHINE.allows(host)
