"""The file of API keys: read, and replaced in one step under a lock, so that two commands lose nothing."""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import evolve, fields
from attrs import frozen as attrs_frozen

from codexd.configuration import ConfigurationError
from codexd.configuration.keys import parse_keys
from codexd.configuration.reference import format_value
from codexd.configuration.rules import find_problems
from codexd.settings import ApiKey, Settings

MODE: Final = 0o600
_HEAD: Final = """\
# API keys of codexd. `codexd keys add`, `rotate` and `revoke` replace this file; comments are lost then.
# After an edit by hand: `codexd reload`.
"""

Keys = tuple[ApiKey, ...]


@attrs_frozen
class KeysFile:
    """A file of `[[key]]` tables.

    Attributes:
        path: of the file. A lock file is beside it.
    """

    path: Path

    def read(self) -> Keys:
        """Return the keys; none if the file does not exist.

        Raises:
            ConfigurationError: when it cannot be read, or its content is wrong.
        """
        try:
            return parse_keys(self.path.read_text(encoding="utf-8"), str(self.path))
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(f"{self.path}: cannot be read: {_reason(error)}") from error

    def change(self, change: Callable[[Keys], Iterable[ApiKey]]) -> None:
        """Replace the keys by what `change` makes of them; nobody else changes the file meanwhile.

        The file keeps its owner; only the owner can read it.

        Raises:
            ConfigurationError: when the file cannot be read or written, or the changed keys are wrong.
        """
        try:
            with self._lock():
                keys = tuple(change(self.read()))
                if problems := find_problems(Settings(key=keys)):
                    raise ConfigurationError(*problems)
                self._replace(render(keys))
        except OSError as error:
            raise ConfigurationError(f"{self.path}: cannot be written: {_reason(error)}") from error

    @contextmanager
    def _lock(self) -> Iterator[None]:
        descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, MODE)
        try:
            _keep_owner(self.path.resolve(), descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _replace(self, text: str) -> None:
        target = self.path.resolve()  # a symbolic link stays one
        new = target.with_name(f".{target.name}.new")
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            _keep_owner(target, descriptor)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(target)


def render(keys: Keys) -> str:
    """Render the keys as TOML, without the fields that have their defaults."""
    return "\n".join([_HEAD, *map(_render_key, keys)])


def _render_key(key: ApiKey) -> str:
    lines = ["[[key]]"]
    for field in fields(ApiKey):
        value = getattr(key, field.name)
        if value != field.default:
            lines.append(f"{field.name} = {format_value(value)}")
    return "\n".join([*lines, ""])


def find_key(keys: Keys, name: str) -> ApiKey:
    """Return the key of a name.

    Raises:
        ConfigurationError: when there is none.
    """
    for key in keys:
        if key.name == name:
            return key
    raise ConfigurationError(f"there is no key {name!r}; `codexd keys list` prints the names")


def replace_key(keys: Keys, name: str, **changes: object) -> Keys:
    """Return the keys with changes to the key of a name.

    Raises:
        ConfigurationError: when there is none.
    """
    changed = evolve(find_key(keys, name), **changes)  # type: ignore[arg-type]
    return tuple(changed if key.name == name else key for key in keys)


def _keep_owner(path: Path, descriptor: int) -> None:
    """Set the owner of a new file to that of the keys file, else its directory: root may edit what the daemon reads."""
    try:
        owner = path.stat()
    except FileNotFoundError:
        if os.geteuid():
            return
        owner = path.parent.stat()
    if (owner.st_uid, owner.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
