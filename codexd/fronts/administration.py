"""Decoders and bodies of the routes under /admin."""

from codexd.fronts import json_fields
from codexd.neutral.records import frozen
from codexd.policy.maintenance import MAX_MESSAGE_CHARACTERS, MAX_RETRY_SECONDS, MaintenanceState
from codexd.policy.reload import ReloadReport
from codexd.wire import json


@frozen
class MaintenanceRequest:
    """A request to switch maintenance.

    Attributes:
        state: the wanted state.
        keep: it survives a restart of the daemon.
    """

    state: MaintenanceState
    keep: bool


def decode_maintenance(body: bytes, current: MaintenanceState) -> MaintenanceRequest:
    """Decode `{"enabled", "retry_after_seconds", "message", "keep"}`; what is absent stays as it is.

    Raises:
        FaultError: with a fault of status 400 that names the field.
    """
    fields = json_fields.parse_body(body)
    if not fields.has("enabled"):
        json_fields.raise_missing("enabled")
    retry = fields.number("retry_after_seconds", 1, MAX_RETRY_SECONDS)
    message = fields.text("message")
    if message is not None and not 0 < len(message) <= MAX_MESSAGE_CHARACTERS:
        json_fields.raise_wrong_value("message", f"expected 1 to {MAX_MESSAGE_CHARACTERS} characters")
    state = MaintenanceState(
        fields.flag("enabled", default=False),
        current.retry_after_seconds if retry is None else retry,
        current.message if message is None else message,
    )
    return MaintenanceRequest(state, fields.flag("keep", default=False))


def render_maintenance(state: MaintenanceState, kept: bool) -> bytes:
    """Render the state of maintenance."""
    return json.encode(
        {
            "object": "maintenance",
            "enabled": state.enabled,
            "retry_after_seconds": state.retry_after_seconds,
            "message": state.to_fault().message,
            "keep": kept,
        }
    )


def render_recycling(workers: tuple[str, ...]) -> bytes:
    """Render which workers are replaced."""
    return json.encode({"object": "recycling", "workers": list(workers)})


def render_reload(report: ReloadReport) -> bytes:
    """Render what a reload did."""
    return json.encode(
        {
            "object": "reload",
            "applied": list(report.applied),
            "restart_required": list(report.restart),
            "problems": list(report.problems),
        }
    )
