"""Permission profiles of Codex: which files the commands of an agent may read and change, and whether it has a network.

The profiles replace Codex's `sandbox_mode`, which lets an agent read every file, those of Codex's login included.
Contract: developers.openai.com/codex/permissions. The rules below were measured on 0.163: a rule for a path wins over
one for a directory above it, except that nothing below a denied directory can be allowed again; a path with a rule of
its own is a mount point in the sandbox, which cannot be renamed or replaced; and every directory that may be changed
protects `.git` and others in it, for which Codex must be able to create them, unless they have rules of their own.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import PurePosixPath as Path
from typing import Final, Literal

from codexd.neutral.records import frozen
from codexd.wire import json

Sandbox = Literal["read-only", "workspace-write", "danger-full-access"]
Access = Literal["read", "write", "deny"]

_BASES: Final[dict[Sandbox, str]] = {"read-only": ":read-only", "workspace-write": ":workspace"}
_GUARDED_NAMES: Final = (".git", ".agents", ".codex", ".aws")
_ROOT: Final = Path("/")


@frozen
class ProtectedFiles:
    """Absolute paths without symbolic links that an agent must not use.

    Attributes:
        unreadable: files and directories that it must not read: logins, keys, stored responses.
        unchangeable: files and directories that it may read only: the programs that run outside of its sandbox.
        sockets: directories with the sockets of services, which could act for an agent that has a network.
    """

    unreadable: tuple[str, ...]
    unchangeable: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()


@frozen
class WorkspaceWrite:
    """What Codex's configuration adds to `workspace-write` (`[sandbox_workspace_write]`).

    Attributes:
        network: whether commands have a network.
        writable_roots: further directories that they may change.
    """

    network: bool = False
    writable_roots: tuple[str, ...] = ()


@frozen(kw_only=True)
class PermissionProfile:
    """One named profile.

    Attributes:
        name: its key in `[permissions]`.
        base: the built-in profile that it extends; None for none.
        rules: the access to single files and directories.
        network: whether it has the network of the machine.
        workspaces: the path of its workspace, and the same without symbolic links.
    """

    name: str
    base: str | None
    rules: tuple[tuple[str, Access], ...]
    network: bool = False
    workspaces: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """The values of Codex's `-c` flags that define it."""
        key = f"permissions.{self.name}"
        rules = ",".join(f"{_quote(path)}={_quote(access)}" for path, access in self.rules)
        flags = [f"{key}.filesystem={{{rules}}}"]
        if self.base is not None:
            flags.append(f"{key}.extends={_quote(self.base)}")
        return (*flags, f"{key}.network.enabled={'true' if self.network else 'false'}")


def name_profile(workspace: str, sandbox: str) -> str:
    """Return the name of the profile of a workspace: a child that was not started with the profile does not know it."""
    return f"codexd-{blake2b(json.encode([workspace, sandbox]), digest_size=6).hexdigest()}"


def find_overlap(workspace: str, protected: ProtectedFiles) -> str | None:
    """Return the unreadable path that contains a workspace, if there is one: an agent could not work there."""
    place = Path(workspace)
    return next((path for path in protected.unreadable if place.is_relative_to(path)), None)


def build_profile(
    sandbox: Sandbox,
    workspace: str,
    real_workspace: str,
    protected: ProtectedFiles,
    temporary: Iterable[str],
    extra: WorkspaceWrite,
    can_rename_in: Callable[[str], bool],
) -> PermissionProfile:
    """Build the profile of an agent.

    Args:
        sandbox: the sandbox of its alias.
        workspace: its workspace.
        real_workspace: that directory as an absolute path without symbolic links.
        protected: what it must not use.
        temporary: the directories for temporary files, which `workspace-write` allows to change.
        extra: what Codex's configuration adds to `workspace-write`.
        can_rename_in: returns whether the user of the daemon can rename the entries of a directory.
    """
    everything = sandbox == "danger-full-access"
    changeable = {
        "read-only": (),
        "workspace-write": (real_workspace, *temporary, *extra.writable_roots),
        "danger-full-access": (str(_ROOT), real_workspace),
    }[sandbox]
    rules: dict[str, Access] = {}
    if everything:
        rules[":root"] = "write"
        rules |= {str(_ROOT / name): "write" for name in _GUARDED_NAMES}
    if sandbox == "workspace-write":
        rules |= dict.fromkeys(extra.writable_roots, "write")
    roots = tuple(map(Path, changeable))
    for path in (*protected.unreadable, *protected.unchangeable):
        for fixed in _fix_place(Path(path), roots, can_rename_in):
            rules[fixed] = "read"
    for path in protected.unchangeable:
        if any(Path(path).is_relative_to(root) for root in roots):
            rules[path] = "read"
    if changeable and any(Path(real_workspace).is_relative_to(path) for path, rule in rules.items() if rule == "read"):
        for place in (workspace, real_workspace):
            rules[place] = rules[f"{place}/.git"] = "write"
    for path in (*protected.unreadable, *(protected.sockets if everything else ())):
        rules[path] = "deny"
    return PermissionProfile(
        name=name_profile(workspace, sandbox),
        base=_BASES.get(sandbox),
        rules=tuple(rules.items()),
        network=everything or (sandbox == "workspace-write" and extra.network),
        workspaces=(workspace, real_workspace),
    )


def build_default_profile(protected: ProtectedFiles) -> PermissionProfile:
    """Build the profile that only reads."""
    rules: tuple[tuple[str, Access], ...] = tuple((path, "deny") for path in protected.unreadable)
    return PermissionProfile(name="codexd-default", base=_BASES["read-only"], rules=rules)


def _fix_place(path: Path, roots: tuple[Path, ...], can_rename_in: Callable[[str], bool]) -> Iterator[str]:
    """Find the directory that must not change so that a path cannot be moved away, together with one above it.

    The path itself is a mount point. The sandbox of the next command, which is set up by path, would not cover a
    moved one.
    """
    for root in roots:
        between = [ancestor for ancestor in path.parents if ancestor != root and ancestor.is_relative_to(root)]
        for ancestor in reversed(between):
            if can_rename_in(str(ancestor.parent)):
                yield str(ancestor)
                break


def _quote(text: str) -> str:
    """Quote a text: a JSON string without escapes other than those of TOML's basic strings."""
    return json.encode(text).decode()
