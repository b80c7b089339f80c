"""The switch of maintenance: its state, and the file that keeps it over restarts when asked to."""

import os
from pathlib import Path
from typing import Final

from twisted.logger import Logger

from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from codexd.policy.maintenance import MaintenanceState
from codexd.settings import Maintenance
from codexd.wire import json

NAME: Final = "maintenance.json"
"""The file in codexd's state directory."""


class MaintenanceSwitch:
    """Holds the state of maintenance.

    A kept state has precedence over the settings, until it is switched without `keep`.

    Args:
        settings: the state at the start.
        path: the file of a kept state; None to keep none.
        metrics: shows whether maintenance is on.

    Attributes:
        state: the current state.
        kept: the state survives a restart.
    """

    _log = Logger()

    def __init__(self, settings: Maintenance, path: Path | None, metrics: Metrics) -> None:
        self._path = path
        kept = None if path is None else self._load(path)
        self.kept = kept is not None
        self.state = kept or _read_settings(settings)
        metrics.watch("maintenance", lambda: float(self.state.enabled))
        if self.state.enabled:
            self._log.warn(
                "Maintenance is on: requests are refused. End it with `codexd maintenance off`", event="maintenance_on"
            )

    def check(self) -> None:
        """Refuse a request for work during maintenance.

        Raises:
            FaultError: `maintenance`.
        """
        if self.state.enabled:
            raise FaultError(self.state.to_fault())

    def apply(self, settings: Maintenance) -> None:
        """Use the state of changed settings, also if a state that was kept cannot be removed."""
        state = _read_settings(settings)
        try:
            self.switch(state)
        except OSError as error:
            self._log.error(
                "{path} cannot be removed: {error}",
                event="maintenance_file_failed",
                path=str(self._path),
                error=str(error),
            )
            self._set(state, self.kept)

    def switch(self, state: MaintenanceState, keep: bool = False) -> None:
        """Set the state.

        Args:
            state: the new state.
            keep: it survives a restart of the daemon.

        Raises:
            OSError: when it cannot be kept; the state is then unchanged.
        """
        if self._path is not None:
            if keep:
                _write(self._path, state)
            else:
                self._path.unlink(missing_ok=True)
        elif keep:
            raise OSError("there is no state directory")
        self._set(state, keep)

    def _set(self, state: MaintenanceState, keep: bool) -> None:
        self.state, self.kept = state, keep
        if state.enabled:
            self._log.warn(
                "Maintenance is on: requests are refused, running responses finish (kept over restarts: {kept})",
                event="maintenance_on",
                kept="yes" if keep else "no",
            )
        else:
            self._log.info("Maintenance is off", event="maintenance_off")

    def _load(self, path: Path) -> MaintenanceState | None:
        try:
            fields = json.decode(path.read_bytes())
            return MaintenanceState(bool(fields["enabled"]), float(fields["retry_after_seconds"]), fields["message"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            # An unreadable file must not end a maintenance that somebody wanted to outlast restarts.
            self._log.error(
                "{path} cannot be read ({error}): maintenance is on",
                event="maintenance_file_failed",
                path=str(path),
                error=str(error),
            )
            return MaintenanceState(enabled=True)


def _read_settings(settings: Maintenance) -> MaintenanceState:
    return MaintenanceState(settings.enabled, settings.retry_after_seconds, settings.message)


def _write(path: Path, state: MaintenanceState) -> None:
    """Replace the file in one step, so that a crash leaves the old or the new state."""
    fields: json.Json = {
        "enabled": state.enabled,
        "retry_after_seconds": state.retry_after_seconds,
        "message": state.message,
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.encode(fields))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
