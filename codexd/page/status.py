"""The status page."""

from typing import Final

from twisted.web.template import Tag

from codexd.neutral.records import frozen
from codexd.neutral.usage import Consumption
from codexd.page.amounts import duration, number
from codexd.page.backends import backends_section, login_hint, workers_section
from codexd.page.budgets import budgets_section
from codexd.page.failures import FailureGroup, failures_section
from codexd.page.html import Content, Layout, document, element, form_token_field, notice, section, table
from codexd.page.plots import Plot, draw_plot
from codexd.page.requests import RequestView, facts_list, requests_section
from codexd.policy.key_budgets import BudgetUse
from codexd.policy.maintenance import MAX_MESSAGE_CHARACTERS, MAX_RETRY_SECONDS, MaintenanceState
from codexd.policy.request_history import Minute
from codexd.policy.status import BackendStatus, WorkerStatus

REFRESH_SECONDS: Final = 15
"""How often the page is loaded again, if the reader has asked for that."""

_MOST_CONSUMERS: Final = 20
_PLOTS: Final = (
    Plot(id="first", title="Time to the model's first event", select=lambda minute: minute.first_event),
    Plot(id="whole", title="Time to the end of the response", select=lambda minute: minute.duration),
)
_HEALTH: Final = {
    "ok": "Requests are served.",
    "degraded": "Requests are served, but responses cannot be stored.",
    "maintenance": "Requests for work are refused; running responses finish.",
    "unavailable": "No back end can answer now.",
}


@frozen(kw_only=True)
class StatusView:
    """What the page shows.

    Attributes:
        version: of codexd.
        status: as the readiness probe reports it.
        problem: what is wrong with the store; None for nothing.
        up_seconds: how long the daemon has been running.
        maintenance: its state.
        maintenance_kept: it survives a restart.
        workers: the Codex processes.
        backends: the back ends.
        budgets: of the API keys, in the order in which they are shown.
        minutes: the requests of the last hours.
        consumption: the tokens of the last 24 hours by model and key; None if the ledger cannot be read.
        recent: the last requests, newest first, with those that run.
        failures: the failures among the remembered requests, by outcome.
        now: the time on the clock of `minutes`, in seconds.
        unix_time: the same in Unix time.
        done: what the last form did; empty for nothing.
    """

    version: str
    status: str
    problem: str | None
    up_seconds: float
    maintenance: MaintenanceState
    maintenance_kept: bool
    workers: tuple[WorkerStatus, ...]
    backends: tuple[BackendStatus, ...]
    budgets: tuple[BudgetUse, ...]
    minutes: tuple[Minute, ...]
    consumption: tuple[Consumption, ...] | None
    recent: tuple[RequestView, ...]
    failures: tuple[FailureGroup, ...]
    now: float
    unix_time: float
    done: str = ""


def status_page(layout: Layout, view: StatusView) -> bytes:
    """Render the page."""
    return document(
        layout,
        notice(view.done, "done") if view.done else None,
        _refresh_links(layout),
        _health(view),
        backends_section(view.backends, view.unix_time),
        workers_section(view.workers),
        budgets_section(view.budgets),
        section("Response times", "times", _plots(view)),
        _consumption(view),
        requests_section(view.recent),
        failures_section(view.failures),
        _maintenance(layout, view),
    )


def _refresh_links(layout: Layout) -> Tag:
    if layout.refresh_seconds:
        return element("p", f"Loaded again every {layout.refresh_seconds} seconds. ", element("a", "Stop", href="/"))
    every = f"Refresh every {REFRESH_SECONDS} seconds"
    return element("p", element("a", "Refresh", href="/"), " · ", element("a", every, href="/?refresh=yes"))


def _health(view: StatusView) -> Tag:
    running = sum(backend.running for backend in view.backends)
    suspended = sum(backend.suspended for backend in view.backends)
    queued = sum(backend.queued for backend in view.backends)
    return section(
        "Health",
        "health",
        element(
            "p",
            element("strong", view.status, class_=f"badge {'good' if view.status == 'ok' else 'bad'}"),
            f" {_HEALTH.get(view.status, '')}",
        ),
        login_hint(view.backends),
        facts_list(
            (
                ("Turns running", number(running)),
                ("Turns suspended", number(suspended)),
                ("Requests waiting", number(queued)),
                ("Store", view.problem or "ok"),
                ("Running for", duration(view.up_seconds)),
                ("Version", view.version),
            )
        ),
    )


def _plots(view: StatusView) -> Tag:
    return element("div", [draw_plot(plot, view.minutes, view.now) for plot in _PLOTS], class_="plots")


def _consumption(view: StatusView) -> Tag:
    heading = "Tokens by model and key"
    used = [one for one in view.consumption or () if one.input_tokens or one.output_tokens]
    if not used:
        said = "No tokens in the last 24 hours." if view.consumption is not None else "The usage cannot be read now."
        return section(heading, "tokens", element("p", said))
    rows: list[list[Content]] = [
        [one.model or "-", one.key, number(one.requests), number(one.input_tokens), number(one.output_tokens)]
        for one in used[:_MOST_CONSUMERS]
    ]
    more = len(used) - len(rows)
    said = "In the last 24 hours." + (f" {more} with fewer tokens are not shown." if more > 0 else "")
    return section(
        heading,
        "tokens",
        element("p", said),
        table(heading, ("Model", "Key", "Requests", "Input tokens", "Output tokens"), rows, (2, 3, 4)),
    )


def _maintenance(layout: Layout, view: StatusView) -> Tag:
    state = view.maintenance
    kept = " It is kept over restarts." if view.maintenance_kept else ""
    said = f"Maintenance is {'on' if state.enabled else 'off'}.{kept}"
    fields = None if state.enabled else _maintenance_fields(state)
    return section(
        "Maintenance",
        "maintenance",
        element("p", said),
        element(
            "form",
            form_token_field(layout.form_token),
            element("input", type="hidden", name="enabled", value="no" if state.enabled else "yes"),
            fields,
            element("button", "End maintenance" if state.enabled else "Begin maintenance"),
            method="post",
            action="/status/maintenance",
        ),
    )


def _maintenance_fields(state: MaintenanceState) -> list[Tag]:
    return [
        element(
            "p",
            element("label", "Message for clients (optional)", for_="message"),
            element("input", id="message", name="message", maxlength=MAX_MESSAGE_CHARACTERS, value=state.message or ""),
        ),
        element(
            "p",
            element("label", "Clients try again after (seconds)", for_="retry"),
            element(
                "input",
                id="retry",
                name="retry_after_seconds",
                type="number",
                min=1,
                max=int(MAX_RETRY_SECONDS),
                required=True,
                value=int(state.retry_after_seconds),
            ),
        ),
        element(
            "p",
            element("input", id="keep", name="keep", type="checkbox", value="yes"),
            element("label", "Keep it over restarts of the daemon", for_="keep"),
        ),
    ]
