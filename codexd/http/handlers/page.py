"""Handlers of the status page: the page itself, the page of a request, maintenance, signing in and out."""

from collections.abc import Mapping
from math import isfinite
from typing import Final

from attrs import Factory, evolve, field, frozen
from twisted.internet.interfaces import IReactorTime

from codexd import __version__
from codexd.fronts import administration
from codexd.http.handlers.administration import AdminHandlers
from codexd.http.handlers.probes import ProbeHandlers
from codexd.http.handlers.usage import UsageHandlers
from codexd.http.page_access import PageAccess, Visitor
from codexd.http.page_response import record_fault, redirect, send_page
from codexd.http.request import Request
from codexd.http.shared_call import SharedCall
from codexd.interfaces import IStatus
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.usage import DAY_SECONDS, Consumption, sum_consumption
from codexd.observe.request_log import RequestLogger
from codexd.page.assets import load_asset
from codexd.page.failures import group_failures
from codexd.page.html import Layout
from codexd.page.request_view import view_request
from codexd.page.requests import request_page
from codexd.page.sign_in import sign_in_page
from codexd.page.status import REFRESH_SECONDS, StatusView, status_page
from codexd.policy.key_budgets import list_budgets
from codexd.policy.key_meter import KeyMeters
from codexd.wire import json

_RECENT: Final = 25
_MANY: Final = 10_000
_SWITCHED: Final = {"on": "Maintenance is on.", "off": "Maintenance is off."}


@frozen(kw_only=True)
class PageHandlers:
    """Show the state of the daemon to people.

    Attributes:
        access: who may use the page.
        probes: know whether the daemon is healthy.
        admin: switches maintenance.
        status_source: shows the state of the back ends.
        request_log: remembers the last requests.
        usage: reads the ledger of usage.
        meters: count what the API keys use.
        clock: the reactor's clock.
        began: when the daemon was started, on that clock.
    """

    access: PageAccess
    probes: ProbeHandlers
    admin: AdminHandlers
    status_source: IStatus
    request_log: RequestLogger
    usage: UsageHandlers
    meters: KeyMeters
    clock: IReactorTime
    began: float
    _consumption: SharedCall[tuple[Consumption, ...] | None] = field(
        init=False, default=Factory(lambda self: SharedCall(self._load_consumption), takes_self=True)
    )

    def layout(self, visitor: Visitor | None, title: str, current: str) -> Layout:
        """Return the layout of a page."""
        return Layout(
            title=title,
            current=current,
            signed_in=visitor.principal.id if visitor is not None and visitor.sign_in else "",
            form_token=self.access.form_token(visitor),
            navigation=visitor is not None,
        )

    async def status(self, request: Request, visitor: Visitor) -> bytes:
        """Answer `/`."""
        layout = self.layout(visitor, "Status", "/")
        if "refresh" in request.query:
            layout = evolve(layout, refresh_seconds=REFRESH_SECONDS)
        switched = request.query.get("maintenance", [""])[0]
        view = self._view(_SWITCHED.get(switched, ""), await self._consumption.wait())
        return send_page(request, status_page(layout, view))

    async def _load_consumption(self) -> tuple[Consumption, ...] | None:
        """Return what the last 24 hours have used; None if the ledger fails, or has too many rows to read."""
        try:
            return sum_consumption(await self.usage.sum_last(DAY_SECONDS, ("key", "model")))
        except FaultError:
            return None

    def _view(self, done: str, consumption: tuple[Consumption, ...] | None) -> StatusView:
        now, history, maintenance = self.clock.seconds(), self.request_log.history, self.admin.maintenance
        return StatusView(
            version=__version__,
            status=self.probes.status,
            problem=self.probes.store.problem(),
            up_seconds=now - self.began,
            maintenance=maintenance.state,
            maintenance_kept=maintenance.kept,
            workers=self.status_source.workers(),
            backends=self.status_source.backends(),
            budgets=list_budgets(self.meters, self.access.now()),
            minutes=history.minutes(now),
            consumption=consumption,
            recent=tuple(view_request(one.record, one.running, now) for one in self.request_log.recent.latest(_RECENT)),
            failures=group_failures(self.request_log.recent.latest(_MANY), now),
            now=now,
            unix_time=self.access.now(),
            done=done,
        )

    def show_request(self, request: Request, visitor: Visitor, id: str) -> bytes:
        """Answer `/status/requests/{id}`: the last request with this id.

        Raises:
            FaultError: `request_not_found`.
        """
        found = self.request_log.recent.find(id)
        if not found:
            raise FaultError(fault("request_not_found"))
        layout = self.layout(visitor, f"Request {id}", "")
        view = view_request(found[-1].record, found[-1].running, self.clock.seconds())
        return send_page(request, request_page(layout, view))

    def switch_maintenance(self, request: Request, fields: Mapping[str, str]) -> bytes:
        """Switch maintenance on or off, and show the page again.

        Raises:
            FaultError: for a wrong field; `store_failed` if the state cannot be kept.
        """
        enabled = fields.get("enabled") == "yes"
        wanted: dict[str, json.Json] = {"enabled": enabled, "keep": "keep" in fields}
        if enabled:
            wanted["retry_after_seconds"] = _read_number(fields.get("retry_after_seconds", ""))
        if enabled and fields.get("message"):
            wanted["message"] = fields["message"]
        self.admin.switch(administration.decode_maintenance(json.encode(wanted), self.admin.maintenance.state))
        return redirect(request, b"/?maintenance=on" if enabled else b"/?maintenance=off")

    # Signing in and out.

    def ask_to_sign_in(self, request: Request) -> bytes:
        """Send the form to sign in, in place of any page."""
        if request.path != b"/":
            return redirect(request, b"/")
        return send_page(request, sign_in_page(self.layout(None, "Sign in", "/")))

    def sign_in(self, request: Request, fields: Mapping[str, str]) -> bytes:
        """Sign the browser in and show the status page, or show the form again with what is wrong."""
        try:
            self.access.sign_in(request, fields.get("key", ""))
        except FaultError as refused:
            record_fault(request, refused.fault)
            page = sign_in_page(self.layout(None, "Sign in", "/"), refused.fault.message)
            return send_page(request, page, refused.fault.status)
        return redirect(request, b"/")

    def sign_out(self, request: Request) -> bytes:
        """Sign the browser out and show the form to sign in."""
        self.access.sign_out(request)
        return redirect(request, b"/")

    def asset(self, request: Request, name: str) -> bytes:
        """Send the style sheet or the script."""
        asset = load_asset(name)
        return request.send(200, asset.body, asset.content_type)


def _read_number(text: str) -> json.Json:
    """Return the number of a field; a text that is none, such as `nan`, is refused as one."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if isfinite(number) else text  # JSON has no other numbers: null would be no number at all
