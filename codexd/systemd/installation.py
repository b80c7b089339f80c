"""What an installed service consists of: its files, and the commands that follow."""

from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from codexd.systemd.units import Service


@frozen(kw_only=True)
class InstalledFile:
    """One file of a service.

    Attributes:
        path: where it belongs.
        text: its content.
        mode: its permissions.
        is_kept: a changed file stays as it is, because its content is the operator's.
    """

    path: Path
    text: str
    mode: int = 0o644
    is_kept: bool = False

    @property
    def content(self) -> bytes:
        """The content as it is stored."""
        return self.text.encode()


@frozen(kw_only=True)
class Installation:
    """What is installed, and where.

    Attributes:
        service: the service.
        instance: the name of the instance of a template, else empty.
        with_socket: systemd opens the listening socket.
        units: the directory of units.
        configuration: the directory of configuration files.
    """

    service: Service
    instance: str
    with_socket: bool
    units: Path
    configuration: Path

    @property
    def name(self) -> str:
        """The name of the service without its suffix, such as `codexd@work`."""
        return f"{self.service.unit}{self.instance}"

    @property
    def systemctl(self) -> str:
        """The command that administers the service."""
        return "systemctl --user" if self.service.scope == "user" else "systemctl"

    @property
    def enabled_units(self) -> str:
        """The units to enable, the socket first."""
        return f"{self.name}.socket {self.name}.service" if self.with_socket else f"{self.name}.service"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.configuration / f"{self.instance or 'codexd'}.toml"

    def list_files(self, example: Callable[[], str], new_key: Callable[[], str]) -> Iterator[InstalledFile]:
        """Yield the files.

        Args:
            example: returns a configuration file with all defaults.
            new_key: returns a new API key.
        """
        yield InstalledFile(path=self.config, text=example(), is_kept=True)
        if self.service.scope == "system":
            keys = self.configuration / f"{self.instance}.keys".removeprefix(".")
            yield InstalledFile(path=keys, text=f"{new_key()}\n", mode=0o600, is_kept=True)
        yield from self.list_units()

    def list_units(self) -> Iterator[InstalledFile]:
        """Yield the units."""
        unit = self.units / self.service.unit
        yield InstalledFile(path=unit.with_name(f"{unit.name}.service"), text=self.service.render_service())
        if self.with_socket:
            yield InstalledFile(path=unit.with_name(f"{unit.name}.socket"), text=self.service.render_socket())

    def describe_next(self) -> Iterator[str]:
        """Yield the commands that follow the installation."""
        login = f"{self.service.programs}/codexd login --device"
        state = self.service.identifier.replace("%i", self.instance)
        if self.service.scope == "user":
            yield f"STATE_DIRECTORY=~/.local/state/{state} {login}"
        else:
            yield f"systemd-run --pty -p DynamicUser=yes -p User={state} -p StateDirectory={state} {login}"
        if self.instance and not self.with_socket:
            yield f"$EDITOR {self.config}  # a port of its own, in http.listen"
        yield f"{self.systemctl} daemon-reload"
        yield f"{self.systemctl} enable --now {self.enabled_units}"
