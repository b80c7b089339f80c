"""Responses of the status page: HTML with strict headers."""

from typing import Final

from codexd.http.request import Request
from codexd.neutral.fault import Fault
from codexd.page.html import Layout
from codexd.page.sign_in import error_page

HTML: Final = b"text/html; charset=utf-8"
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    b" form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept"),
)


def set_page_headers(request: Request) -> None:
    """Set the headers that every response of the page has."""
    request.set_headers(_HEADERS)


def send_page(request: Request, page: bytes, status: int = 200) -> bytes:
    """Set the head of a response, and return its body for Klein to write."""
    return request.send(status, page, HTML)


def redirect(request: Request, path: bytes) -> bytes:
    """Let the browser load another page with GET, so that loading it again sends no form."""
    request.setHeader(b"location", path)
    return request.send(303, b"", HTML)


def record_fault(request: Request, refused: Fault) -> None:
    """Note in the record of a request why it is refused."""
    request.record.outcome, request.record.note = refused.kind, refused.note or ""


def refuse_with_page(request: Request, refused: Fault) -> bytes:
    """Send an error as a page."""
    record_fault(request, refused)
    layout = Layout(title="This did not work", current="", navigation=False)
    return send_page(request, error_page(layout, refused), refused.status)


def wants_events(request: Request) -> bool:
    """Return whether the script of the playground has sent a request: it reads a stream, and errors as JSON."""
    return b"text/event-stream" in (request.getHeader(b"accept") or b"").lower()
