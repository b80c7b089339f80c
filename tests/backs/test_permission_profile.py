"""The permission profiles of agents."""

import tomllib
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.permission_profile import (
    PermissionProfile,
    ProtectedFiles,
    WorkspaceWrite,
    build_default_profile,
    build_profile,
    find_overlap,
    name_profile,
)

PROTECTED = ProtectedFiles(
    unreadable=("/etc/keys", "/home/me/.codex", "/home/me/.local/state/codexd"),
    unchangeable=("/home/me/.venv", "/usr/lib/codexd"),
    sockets=("/run/user",),
)


def owns_home(directory: str) -> bool:
    """Return what a user could: rename the entries of its home, and of what is below."""
    return directory.startswith("/home/me")


def build(
    sandbox: Any, workspace: str = "/srv/work", can_rename_in: Callable[[str], bool] = owns_home, **extra: Any
) -> PermissionProfile:
    return build_profile(sandbox, workspace, workspace, PROTECTED, ("/tmp",), WorkspaceWrite(**extra), can_rename_in)


class BuildProfileTests(SynchronousTestCase):
    def test_every_sandbox_denies_what_must_not_be_read(self) -> None:
        for sandbox in ("read-only", "workspace-write", "danger-full-access"):
            rules = dict(build(sandbox).rules)
            self.assertEqual([rules[path] for path in PROTECTED.unreadable], ["deny"] * 3)

    def test_read_only_and_workspace_write_extend_the_built_in_profiles_without_a_network(self) -> None:
        for sandbox, base in (("read-only", ":read-only"), ("workspace-write", ":workspace")):
            profile = build(sandbox)
            self.assertEqual((profile.base, profile.network), (base, False))
            self.assertEqual(set(dict(profile.rules).values()), {"deny"})

    def test_full_access_has_a_network_and_changes_everything_but_codexd_s_programs(self) -> None:
        profile = build("danger-full-access")
        rules = dict(profile.rules)
        self.assertEqual((profile.base, profile.network, rules[":root"]), (None, True, "write"))
        self.assertEqual((rules["/home/me/.venv"], rules["/usr/lib/codexd"]), ("read", "read"))
        self.assertEqual(rules["/run/user"], "deny")
        self.assertNotIn("/run/user", dict(build("workspace-write").rules))

    def test_a_directory_that_could_be_moved_away_with_what_it_contains_is_read_only(self) -> None:
        rules = dict(build("danger-full-access").rules)
        self.assertEqual(rules["/home/me/.local"], "read")
        self.assertNotIn("/home/me", rules)
        self.assertNotIn("/etc", rules)
        rules = dict(build("workspace-write", workspace="/home/me").rules)
        self.assertEqual(rules["/home/me/.local"], "read")
        self.assertEqual(dict(build("danger-full-access", can_rename_in=lambda _: True).rules)["/home"], "read")

    def test_a_workspace_in_such_a_directory_can_be_changed(self) -> None:
        workspace = "/home/me/.local/work"
        rules = dict(build("danger-full-access", workspace).rules)
        self.assertEqual((rules["/home/me/.local"], rules[workspace]), ("read", "write"))

    def test_the_programs_in_a_workspace_cannot_be_changed(self) -> None:
        rules = dict(build("workspace-write", "/home/me").rules)
        self.assertEqual(rules["/home/me/.venv"], "read")

    def test_codex_s_configuration_adds_to_workspace_write_only(self) -> None:
        extra = {"network": True, "writable_roots": ("/data",)}
        profile = build("workspace-write", **extra)
        self.assertEqual((profile.network, dict(profile.rules)["/data"]), (True, "write"))
        profile = build("read-only", **extra)
        self.assertEqual((profile.network, "/data" in dict(profile.rules)), (False, False))

    def test_the_default_profile_reads_nothing_protected(self) -> None:
        profile = build_default_profile(PROTECTED)
        self.assertEqual(profile.base, ":read-only")
        self.assertEqual(dict(profile.rules), dict.fromkeys(PROTECTED.unreadable, "deny"))


class FlagTests(SynchronousTestCase):
    def test_the_flags_are_toml_with_any_path(self) -> None:
        path = '/a b/"q"\\é'
        profile = build_default_profile(ProtectedFiles((path,)))
        (key, value), extends, network = (flag.split("=", 1) for flag in profile.flags)
        self.assertEqual(key, "permissions.codexd-default.filesystem")
        self.assertEqual(tomllib.loads(f"x = {value}")["x"], {path: "deny"})
        self.assertEqual((extends[1], network[1]), ('":read-only"', "false"))

    def test_profiles_of_other_workspaces_or_sandboxes_have_other_names(self) -> None:
        names = {name_profile(place, box) for place in ("/a", "/b") for box in ("read-only", "workspace-write")}
        self.assertEqual(len(names), 4)


class FindOverlapTests(SynchronousTestCase):
    def test_a_workspace_must_not_be_in_a_protected_directory(self) -> None:
        self.assertEqual(find_overlap("/home/me/.codex/work", PROTECTED), "/home/me/.codex")
        self.assertEqual(find_overlap("/home/me/.codex", PROTECTED), "/home/me/.codex")
        self.assertIsNone(find_overlap("/home/me/.codex-work", PROTECTED))
        self.assertIsNone(find_overlap("/home/me", PROTECTED))
