"""What the soak does to the daemon: kills, stops, reloads, maintenance."""

import os
import signal
import time
from collections.abc import Callable
from random import Random
from typing import Final

from attrs import frozen

from codexd.administration.client import AdminClient
from tests.support.live_daemon import Daemon
from tests.support.provider_process import ProviderProcess

_SHORT_SECONDS: Final = 1.0


@frozen
class Faults:
    """Injects faults into one daemon.

    Attributes:
        daemon: the daemon.
        near: the upstream.
        settings: the configuration file's text; `{changing}` in it is replaced by every reload.
        random: chooses.
    """

    daemon: Daemon
    near: ProviderProcess
    settings: str
    random: Random

    def kill_child(self) -> None:
        """Kill a Codex process."""
        if found := self.daemon.children:
            os.kill(self.random.choice(found), signal.SIGKILL)

    def stop_child(self) -> None:
        """Stop a Codex process, as a debugger or a full machine does; codexd replaces it."""
        if found := self.daemon.children:
            os.kill(self.random.choice(found), signal.SIGSTOP)

    def stop_upstream(self) -> None:
        """Stop the upstream for a while."""
        self.near.send(signal.SIGSTOP)
        time.sleep(_SHORT_SECONDS)
        self.near.send(signal.SIGCONT)

    def reload(self) -> None:
        """Change settings of the upstream, of limits and of an alias."""
        number = self.random.randrange(1, 4)
        self.write_settings(number)
        self.admin.call("POST", "reload")

    def recycle(self) -> None:
        """Replace every Codex process by a new one."""
        self.admin.call("POST", "workers/recycle")

    def hang_up(self) -> None:
        """Reload with the signal."""
        self.write_settings(self.random.randrange(1, 4))
        self.daemon.signal(signal.SIGHUP)

    def maintain(self) -> None:
        """Switch maintenance on for a moment."""
        self.admin.call("POST", "maintenance", {"enabled": True, "retry_after_seconds": 1})
        time.sleep(_SHORT_SECONDS / 2)
        self.admin.call("POST", "maintenance", {"enabled": False})

    def write_settings(self, number: int) -> None:
        """Write the configuration file, with a number in its changing places."""
        (self.daemon.folder / "codexd.toml").write_text(self.settings.replace("{changing}", str(number)))

    @property
    def admin(self) -> AdminClient:
        """The client of the daemon's control socket."""
        return AdminClient(self.daemon.folder / "state" / "codexd" / "control.sock")


FAULTS: Final[tuple[Callable[[Faults], None], ...]] = (
    Faults.kill_child,
    Faults.reload,
    Faults.stop_child,
    Faults.recycle,
    Faults.hang_up,
    Faults.maintain,
    Faults.stop_upstream,
)
"""In turn; the order mixes quick and slow ones."""
