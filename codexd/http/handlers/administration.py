"""Handlers of the routes under /admin, for administrators only."""

from collections.abc import Callable

from attrs import frozen
from twisted.logger import Logger

from codexd.administration.maintenance import MaintenanceSwitch
from codexd.fronts import administration
from codexd.http.body import read_body
from codexd.http.request import Request
from codexd.neutral.fault import FaultError, fault
from codexd.policy.reload import ReloadReport

_MAX_BODY_BYTES = 2**16


@frozen(kw_only=True)
class AdminHandlers:
    """Administer the daemon.

    Attributes:
        maintenance: the switch of maintenance.
        reload: reads the settings again and applies them.
        recycle: replaces the Codex processes one after the other, and returns the workers' names.
    """

    maintenance: MaintenanceSwitch
    reload: Callable[[], ReloadReport]
    recycle: Callable[[], tuple[str, ...]]

    _log = Logger()

    def show_maintenance(self, request: Request) -> bytes:
        """Send the state of maintenance."""
        return request.send(200, administration.render_maintenance(self.maintenance.state, self.maintenance.kept))

    def switch_maintenance(self, request: Request) -> bytes:
        """Switch maintenance on or off.

        Raises:
            FaultError: for a wrong field; `store_failed` if the state cannot be kept.
        """
        body = read_body(request, _MAX_BODY_BYTES)
        self.switch(administration.decode_maintenance(body, self.maintenance.state))
        return self.show_maintenance(request)

    def switch(self, wanted: administration.MaintenanceRequest) -> None:
        """Switch maintenance.

        Raises:
            FaultError: `store_failed` if the state cannot be kept.
        """
        try:
            self.maintenance.switch(wanted.state, wanted.keep)
        except OSError as error:
            self._log.error(
                "The state of maintenance cannot be kept: {error}", event="maintenance_file_failed", error=str(error)
            )
            raise FaultError(fault("store_failed", "The state of maintenance could not be stored.")) from None

    def recycle_workers(self, request: Request) -> bytes:
        """Begin to replace the Codex processes by new ones; no turn is lost."""
        return request.send(202, administration.render_recycling(self.recycle()))

    def reload_settings(self, request: Request) -> bytes:
        """Reload the settings; 409 if the new ones are wrong, with the reasons."""
        report = self.reload()
        if report.problems:
            request.record.outcome = "invalid_settings"
        return request.send(409 if report.problems else 200, administration.render_reload(report))
