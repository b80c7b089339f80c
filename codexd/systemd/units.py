"""Renders the unit files of codexd from the templates of this package, their only source."""

from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final, Literal

from attrs import frozen

Scope = Literal["system", "user"]

NOTIFY_RELOAD_VERSION: Final = 253
"""The first version of systemd that knows `Type=notify-reload`."""

_RELOAD_BY_COMMAND: Final = "Type=notify\nExecReload=/bin/kill -HUP $MAINPID"
_SYSTEM_SOCKET: Final = """\
# For a proxy of another user, name its group in a drop-in: SocketGroup=www-data
SocketMode=0660
"""


@frozen(kw_only=True)
class Service:
    """The service that the units describe.

    Attributes:
        scope: of the system, or of one user.
        is_template: the units are those of any number of instances, each with a configuration file of its own.
        programs: the directory of the programs `codexd` and `twistd`.
        systemd_version: decides how a reload is reported.
    """

    scope: Scope = "system"
    is_template: bool = False
    programs: str = "/opt/codexd/bin"
    systemd_version: int = NOTIFY_RELOAD_VERSION

    @property
    def unit(self) -> str:
        """The name of the units without their suffix."""
        return "codexd@" if self.is_template else "codexd"

    @property
    def identifier(self) -> str:
        """The name of the user, of the state directory and of the log lines."""
        return "codexd-%i" if self.is_template else "codexd"

    @property
    def config(self) -> str:
        """The configuration file, in the form of systemd."""
        return f"{self._configuration}/{'%i' if self.is_template else 'codexd'}.toml"

    def render_service(self) -> str:
        """Return the unit that runs the daemon."""
        scope = self._fill(f"{self.scope}-scope", keys=f"{self._configuration}/{'%i.' if self.is_template else ''}keys")
        has_type = self.systemd_version >= NOTIFY_RELOAD_VERSION
        return self._fill(
            "service",
            file=f"{self.unit}.service",
            edit=f"edit {self._example}.service",
            user_flag="--user " if self.scope == "user" else "",
            config=self.config,
            type="Type=notify-reload" if has_type else _RELOAD_BY_COMMAND,
            programs=self.programs,
            scope=scope.rstrip("\n"),
            wanted_by="multi-user.target" if self.scope == "system" else "default.target",
        )

    def render_socket(self) -> str:
        """Return the unit of the listening socket."""
        return self._fill(
            "socket",
            file=f"{self.unit}.socket",
            listen="%t/codexd-%i.sock" if self.is_template else "127.0.0.1:11435",
            socket_scope=_SYSTEM_SOCKET if self.is_template else "",
        )

    def render_agents(self) -> str:
        """Return the drop-in of a system service that allows the sandbox of agents."""
        return self._fill("agents.conf", directory="/etc/systemd/system", unit="codexd.service")

    @property
    def _configuration(self) -> str:
        return "/etc/codexd" if self.scope == "system" else "%E/codexd"

    @property
    def _example(self) -> str:
        return "codexd@NAME" if self.is_template else "codexd"

    def _fill(self, template: str, **values: str) -> str:
        instance = " --instance NAME" if self.is_template else ""
        common = {
            "command": f"codexd install-service --{self.scope}{instance}",
            "description": ", instance %i" if self.is_template else "",
            "identifier": self.identifier,
        }
        text = files(__package__).joinpath("templates", template).read_text(encoding="utf-8")
        return Template(text).substitute(common | values)


def render_examples() -> dict[str, str]:
    """Return the files of etc/ by name: the units of the system, installed in /opt/codexd."""
    files = {"codexd-agents.conf": Service().render_agents()}
    for service in (Service(), Service(is_template=True)):
        files[f"{service.unit}.service"] = service.render_service()
        files[f"{service.unit}.socket"] = service.render_socket()
    return files


def write_examples(directory: str) -> None:
    """Write the files of `render_examples`."""
    for name, text in render_examples().items():
        Path(directory, name).write_text(text, encoding="utf-8")
