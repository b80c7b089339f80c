"""Tests of `codexd keys`."""

import io
import os
import stat
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from codexd.command import ProcessContext, main
from codexd.configuration import load
from codexd.configuration.keys import build_key_ring
from codexd.keys import commands
from codexd.keys.file import KeysFile
from codexd.policy.auth import Credentials, Principal

NOW = 1_796_040_000.0
"""2026-11-30T12:00:00Z."""

DAY = 86400.0


class KeysCommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.path = self.directory / "keys.toml"
        self.now = NOW

    def run_command(self, *argv: str, status: int = 0) -> tuple[str, str]:
        """Run `codexd keys`, and return what it prints on standard output and on standard error."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                found = commands.run([*argv, "--file", str(self.path)], {}, lambda: self.now)
            except SystemExit as exit:
                found = int(str(exit.code))
            except Exception as error:
                print(error, file=err)
                found = 1
        self.assertEqual(found, status, err.getvalue())
        return out.getvalue().strip(), err.getvalue()

    def identify(self, key: str, now: float) -> Principal | None:
        """Return the principal of a key, as a daemon with this file finds it."""
        config = f'[keys]\nfile = "{self.path}"\n'

        def read(path: str) -> str:
            return config if path == "codexd.toml" else Path(path).read_text(encoding="utf-8")

        ring = build_key_ring(load(config="codexd.toml", read=read).settings)
        return ring.identify(Credentials(api_key=key.encode()), now)


class AddTests(KeysCommandCase):
    def test_a_new_key_is_printed_alone_and_only_its_hash_is_stored(self) -> None:
        key, note = self.run_command("add", "alice")
        self.assertRegex(key, r"^sk-codexd-[A-Za-z0-9_-]{43}$")
        self.assertNotIn(key, note)
        text = self.path.read_text(encoding="utf-8")
        self.assertNotIn(key, text)
        self.assertIn(sha256(key.encode()).hexdigest(), text)
        principal = self.identify(key, NOW)
        assert principal is not None
        self.assertEqual(principal.id, "alice")

    def test_every_limit_can_be_given(self) -> None:
        flags = (
            "--models=gpt-*,local/x --endpoints=chat,models --requests-per-minute=1 --tokens-per-minute=2"
            " --concurrent-turns=3 --stored-bytes=4 --background-responses=5 --tokens-per-day=6 --tokens-per-month=7"
            " --output-mode=obsidian-xml --agent=yes --admin=yes --expires=90d"
        )
        key, _ = self.run_command("add", "alice", *flags.split())
        principal = self.identify(key, NOW + 90 * DAY - 1)
        assert principal is not None
        policy = principal.policy
        self.assertEqual((policy.models, policy.endpoints), (("gpt-*", "local/x"), ("chat", "models")))
        numbers = [getattr(policy, name) for name in commands._LIMITS]
        self.assertEqual(numbers, [1, 2, 3, 4, 5, 6, 7])
        self.assertEqual((policy.output_mode, policy.agent, policy.admin), ("obsidian-xml", True, True))
        self.assertIsNone(self.identify(key, NOW + 90 * DAY))

    def test_a_key_that_was_made_elsewhere_is_added_by_its_hash(self) -> None:
        printed, _ = self.run_command("add", "alice", "--hash", sha256(b"sk-own").hexdigest().upper())
        self.assertEqual(printed, "")
        self.assertIsNotNone(self.identify("sk-own", NOW))

    def test_wrong_arguments_change_nothing(self) -> None:
        self.run_command("add", "alice")
        before = self.path.read_bytes()
        for argv, status, expected in (
            (("add", "alice"), 1, "2 keys have this name"),
            (("add", "a b"), 1, "a name must have"),
            (("add", "bob", "--tokens-per-day=0"), 2, "at least 1"),
            (("add", "bob", "--endpoints=chats"), 2, "'chats' is none of chat"),
            (("add", "bob", "--hash=abc"), 2, "64 hexadecimal digits"),
            (("add", "bob", "--expires=soon"), 2, "must be a time"),
            (("add", "bob", "--expires=999999999999999d"), 2, "too long"),
            (("rotate", "bob"), 1, "there is no key 'bob'"),
            (("revoke", "bob"), 1, "there is no key 'bob'"),
            (("change", "alice"), 1, "nothing to change"),
            (("add",), 2, "required"),
        ):
            self.assertIn(expected, self.run_command(*argv, status=status)[1], argv)
            self.assertEqual(self.path.read_bytes(), before)

    def test_a_hash_in_use_is_refused(self) -> None:
        digest = sha256(b"sk-own").hexdigest()
        self.run_command("add", "alice", "--hash", digest)
        self.assertIn("is the same key as key 'alice'", self.run_command("add", "bob", "--hash", digest, status=1)[1])


class ListTests(KeysCommandCase):
    def test_names_limits_and_times_are_shown_and_never_a_whole_hash(self) -> None:
        self.run_command("add", "alice", "--tokens-per-day=5", "--expires=2026-12-01", "--agent=yes")
        self.run_command("add", "bob")
        self.run_command("rotate", "alice", "--grace=1h")
        listed, _ = self.run_command("list")
        self.assertRegex(
            listed.splitlines()[0],
            r"^alice sha256=[0-9a-f]{8}\.\.\. created=2026-11-30T12:00:00Z expires=2026-12-01T00:00:00Z"
            r" previous-key-until=2026-11-30T13:00:00Z tokens-per-day=5 agent$",
        )
        self.assertRegex(listed.splitlines()[1], r"^bob sha256=[0-9a-f]{8}\.\.\. created=2026-11-30T12:00:00Z$")
        self.assertNotRegex(listed, "[0-9a-f]{9}")
        self.now += DAY
        self.assertIn(" expired=2026-12-01T00:00:00Z tokens-per-day=5 agent", self.run_command("list")[0])

    def test_without_a_file_nothing_is_listed(self) -> None:
        self.assertEqual(self.run_command("list")[0], "")


class ChangeTests(KeysCommandCase):
    def test_both_keys_are_valid_during_the_grace_and_have_one_principal(self) -> None:
        old, _ = self.run_command("add", "alice", "--tokens-per-day=5")
        new, note = self.run_command("rotate", "alice", "--grace=7d")
        self.assertIn("until 2026-12-07T12:00:00Z", note)
        principals = {self.identify(key, NOW + 7 * DAY - 1) for key in (old, new)}
        self.assertEqual([principal and principal.id for principal in principals], ["alice"])
        self.assertIsNone(self.identify(old, NOW + 7 * DAY))
        self.assertIsNotNone(self.identify(new, NOW + 7 * DAY))

    def test_without_a_grace_the_old_key_ends_at_once(self) -> None:
        old, _ = self.run_command("add", "alice")
        middle, _ = self.run_command("rotate", "alice", "--grace=7d")
        new, _ = self.run_command("rotate", "alice")
        self.assertEqual([self.identify(key, NOW) is not None for key in (old, middle, new)], [False, False, True])

    def test_an_expired_key_is_not_rotated(self) -> None:
        self.run_command("add", "alice", "--expires=1h")
        self.now += DAY
        self.assertIn("has expired", self.run_command("rotate", "alice", status=1)[1])

    def test_limits_can_be_changed_and_removed(self) -> None:
        key, _ = self.run_command("add", "alice", "--tokens-per-day=5", "--models=a", "--agent=yes", "--expires=1d")
        self.run_command("change", "alice", "--tokens-per-day=", "--models=", "--expires=", "--tokens-per-month=9")
        self.run_command("change", "alice", "--agent=no")
        principal = self.identify(key, NOW + 2 * DAY)
        assert principal is not None
        policy = principal.policy
        self.assertEqual((policy.tokens_per_day, policy.models, policy.tokens_per_month), (None, (), 9))
        self.assertFalse(policy.agent)

    def test_a_revoked_key_is_gone_and_the_last_one_opens_nothing(self) -> None:
        key, _ = self.run_command("add", "alice")
        self.run_command("revoke", "alice")
        self.assertIsNone(self.identify(key, NOW))
        self.assertIsNone(self.identify("", NOW))


class FileTests(KeysCommandCase):
    def test_only_its_owner_can_read_the_file(self) -> None:
        self.run_command("add", "alice")
        self.path.chmod(0o644)
        self.run_command("add", "bob")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(sorted(os.listdir(self.directory)), ["keys.toml", "keys.toml.lock"])

    def test_a_file_of_another_user_stays_theirs(self) -> None:
        if os.geteuid():
            return
        os.chown(self.directory, 1234, 1235)
        self.run_command("add", "alice")
        self.assertEqual((self.path.stat().st_uid, self.path.stat().st_gid), (1234, 1235))
        os.chown(self.directory, 0, 0)
        self.run_command("add", "bob")
        self.assertEqual((self.path.stat().st_uid, self.path.stat().st_gid), (1234, 1235))

    def test_a_symbolic_link_stays_one(self) -> None:
        real = self.directory / "real.toml"
        self.path.symlink_to(real)
        self.run_command("add", "alice")
        self.run_command("add", "bob")
        self.assertTrue(self.path.is_symlink())
        self.assertEqual(len(KeysFile(real).read()), 2)

    def test_commands_at_the_same_time_lose_no_key(self) -> None:
        def add(name: str) -> None:
            digest = sha256(name.encode()).hexdigest()
            arguments = commands._parse(["add", name, "--hash", digest])
            key = commands.ApiKey(name=name, sha256=arguments.hash)
            KeysFile(self.path).change(lambda keys: (*keys, key))

        threads = [Thread(target=add, args=(f"key-{number}",)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(KeysFile(self.path).read()), 12)

    def test_a_broken_file_is_left_as_it_is(self) -> None:
        self.path.write_text("[[key", encoding="utf-8")
        self.assertIn("not valid TOML", self.run_command("add", "alice", status=1)[1])
        self.assertEqual(self.path.read_text(encoding="utf-8"), "[[key")

    def test_a_directory_that_does_not_exist_is_an_error(self) -> None:
        self.path = self.directory / "none" / "keys.toml"
        self.assertIn("cannot be written: No such file", self.run_command("add", "alice", status=1)[1])


class MainTests(KeysCommandCase):
    def test_the_file_is_that_of_the_configuration(self) -> None:
        config = self.directory / "codexd.toml"
        config.write_text(f'[keys]\nfile = "{self.path}"\n', encoding="utf-8")
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(["keys", "add", "alice", "--config", str(config)], ProcessContext(environ={}))
        self.assertEqual((status, len(KeysFile(self.path).read())), (0, 1), err.getvalue())

    def test_without_a_file_the_command_says_what_to_set(self) -> None:
        err = io.StringIO()
        with redirect_stderr(err):
            self.assertEqual(main(["keys", "list"], ProcessContext(environ={})), 1)
        self.assertIn("keys.file: is not set", err.getvalue())
