"""`codexd store` on real files, also while a store writes."""

import io
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from stat import S_IMODE
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThreadPool
from twisted.trial.unittest import SynchronousTestCase

from codexd.command import ProcessContext, main
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store import response_writes, responses
from codexd.store.database_file import DatabaseLock
from codexd.store.schema import SCRIPTS
from codexd.store.service import Store
from tests.support.inline_executor import open_database, stored_response
from tests.support.real_reactor import with_reactor

WRITES = 50


class CommandTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp()).absolute()
        self.state.mkdir()
        self.path = str(self.state / "responses.sqlite3")
        self.backup = str(self.state / "backup.sqlite3")

    def run_command(self, *argv: str, status: int = 0) -> str:
        out, err = io.StringIO(), io.StringIO()
        context = ProcessContext({"STATE_DIRECTORY": str(self.state)})
        with redirect_stdout(out), redirect_stderr(err):
            self.assertEqual(main(["store", *argv], context), status, err.getvalue())
        return out.getvalue() + err.getvalue()

    def fill(self, *ids: str) -> None:
        with closing(open_database(self.path)) as connection:
            for id in ids:
                response_writes.save_response(connection, stored_response(id, body=b"x" * 5000), b"", 1.0)

    def stored(self, path: str | None = None) -> list[str]:
        with closing(sqlite3.connect(path or self.path)) as connection:
            return [id for (id,) in connection.execute("SELECT id FROM response WHERE deleted = 0 ORDER BY id")]

    def damage(self, path: str) -> None:
        with open(path, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * 20_000)

    def hold(self) -> None:
        lock = DatabaseLock.acquire(self.path)
        self.addCleanup(lock.release)


class CheckTests(CommandTestCase):
    def test_a_sound_file(self) -> None:
        self.fill("a", "b")
        out = self.run_command("check")
        self.assertIn(f"{self.path}: ok\nschema version {len(SCRIPTS)} of {len(SCRIPTS)}, ", out)
        self.assertIn(" 2 responses, 0 conversations, 1 key\nno daemon uses the file\n", out)

    def test_it_runs_beside_a_daemon_and_changes_nothing(self) -> None:
        self.fill("a")
        self.hold()
        with closing(open_database(self.path)) as connection:
            response_writes.save_response(connection, stored_response("b"), b"", 1.0)
            before = os.stat(self.path).st_mtime_ns
            self.assertIn("2 responses", out := self.run_command("check"))
            self.assertIn("a daemon uses the file", out)
            self.assertEqual(os.stat(self.path).st_mtime_ns, before)

    def test_a_damaged_file(self) -> None:
        self.fill("a", "b", "c")
        self.damage(self.path)
        error = self.run_command("check", status=1)
        self.assertRegex(error, r"^codexd: .*(damaged|malformed).*; `codexd store restore BACKUP` restores a backup\n$")

    def test_a_file_that_is_missing_empty_or_of_another_program(self) -> None:
        self.assertIn(f"{self.path}: no such file", self.run_command("check", status=1))
        self.assertFalse(os.path.exists(self.path))
        Path(self.path).touch()
        self.assertIn("is empty", self.run_command("check", status=1))
        os.unlink(self.path)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        self.assertIn("is the database of another program", self.run_command("check", status=1))

    def test_a_store_in_memory_has_no_file(self) -> None:
        config = self.state / "codexd.toml"
        config.write_text('[responses]\ndatabase = ":memory:"\n')
        self.assertIn("there is no file", self.run_command("check", f"--config={config}", status=1))


class BackupTests(CommandTestCase):
    def test_it_includes_what_is_only_in_the_log(self) -> None:
        with closing(open_database(self.path)) as connection:
            response_writes.save_response(connection, stored_response("a"), b"", 1.0)
            self.assertIn("1 response,", self.run_command("backup", self.backup))
        self.assertEqual(self.stored(self.backup), ["a"])
        self.assertEqual(S_IMODE(os.stat(self.backup).st_mode), 0o600)
        self.assertEqual([name for name in os.listdir(self.state) if name.startswith("backup")], ["backup.sqlite3"])

    def test_an_existing_file_is_replaced_only_when_forced(self) -> None:
        self.fill("a")
        Path(self.backup).write_text("mine")
        self.assertIn("exists; --force replaces it", self.run_command("backup", self.backup, status=1))
        self.assertEqual(Path(self.backup).read_text(), "mine")
        self.run_command("backup", self.backup, "--force")
        self.assertEqual(self.stored(self.backup), ["a"])
        self.assertIn("is the database itself", self.run_command("backup", self.path, "--force", status=1))
        self.assertEqual(self.stored(), ["a"])

    def test_a_damaged_file_gives_no_backup(self) -> None:
        self.fill("a", "b", "c")
        self.damage(self.path)
        self.run_command("backup", self.backup, status=1)
        self.assertEqual([name for name in os.listdir(self.state) if name.startswith("backup")], [])

    def test_under_write_load_it_is_consistent_and_no_write_fails(self) -> None:
        """Each response continues the one that was acknowledged before it."""

        async def story(reactor: Any) -> list[str]:
            store = Store(Responses(), self.path, reactor, Metrics(), lambda: 2.0)
            store.startService()
            acknowledged: list[str] = []
            finished: list[int] = []

            async def write(writer: int) -> None:
                previous = None
                while not finished:
                    id = f"{writer}.{len(acknowledged)}"
                    await store.save_response(stored_response(id, previous, body=b"x" * 20_000))
                    acknowledged.append(id)
                    previous = id

            async def back_up() -> None:
                for number in range(3):
                    before = len(acknowledged)
                    process = deferToThreadPool(reactor, reactor.getThreadPool(), self.run_program, number)
                    await process
                    with closing(sqlite3.connect(f"{self.backup}{number}")) as copy:
                        copied = {id for (id,) in copy.execute("SELECT id FROM response")}
                        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                        orphans = "SELECT count(*) FROM response WHERE previous IS NOT NULL AND parent IS NULL"
                        assert copy.execute(orphans).fetchone() == (0,)
                    assert copied >= set(acknowledged[:before]), "something acknowledged before is missing"
                finished.append(1)

            await gatherResults([Deferred.fromCoroutine(one) for one in (write(0), write(1), back_up())])
            await store.stopService()
            return acknowledged

        acknowledged = with_reactor(lambda reactor: Deferred.fromCoroutine(story(reactor)), 60)
        self.assertGreater(len(acknowledged), WRITES)
        self.assertEqual(set(self.stored()), set(acknowledged))

    def run_program(self, number: int) -> None:
        command = [sys.executable, "-m", "codexd.command", "store", "backup", f"{self.backup}{number}"]
        environ = os.environ | {"STATE_DIRECTORY": str(self.state)}
        run = subprocess.run(command, env=environ, check=False, capture_output=True)
        assert run.returncode == 0, run.stderr.decode()


class RestoreTests(CommandTestCase):
    def test_the_backup_replaces_the_file_which_is_kept(self) -> None:
        self.fill("a")
        self.run_command("backup", self.backup)
        self.fill("b")
        with closing(open_database(self.path)) as connection:
            # A log that is left, as after a kill.
            response_writes.save_response(connection, stored_response("c"), b"", 1.0)
            out = self.run_command("restore", self.backup)
        self.assertIn("1 response,", out)
        self.assertEqual(self.stored(), ["a"])
        aside = out.splitlines()[1].removeprefix("The file that was there before is ")
        self.assertEqual(self.stored(aside), ["a", "b", "c"])
        self.assertEqual(S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.hold()

    def test_a_damaged_file_is_replaced(self) -> None:
        self.fill("a", "b", "c")
        self.run_command("backup", self.backup)
        Path(self.path).write_bytes(b"garbage" * 1000)
        self.run_command("restore", self.backup)
        self.assertEqual(self.stored(), ["a", "b", "c"])

    def test_a_running_daemon_refuses_it(self) -> None:
        self.fill("a")
        self.run_command("backup", self.backup)
        self.hold()
        self.fill("b")
        for command in (("restore", self.backup), ("vacuum",)):
            self.assertIn("stop it first", self.run_command(*command, status=1))
        self.assertEqual(self.stored(), ["a", "b"])

    def test_a_bad_backup_changes_nothing(self) -> None:
        self.fill("a", "b", "c")
        self.run_command("backup", self.backup)
        self.damage(self.backup)
        for bad in (self.backup, str(self.state / "none"), self.path):
            self.run_command("restore", bad, status=1)
            self.assertEqual(self.stored(), ["a", "b", "c"])
        self.assertEqual([name for name in os.listdir(self.state) if "before" in name or "restoring" in name], [])

    def test_an_interrupted_restore_does_not_start_an_empty_store_and_can_be_finished(self) -> None:
        self.fill("a")
        os.rename(self.path, f"{self.path}.restoring")
        with self.assertRaisesRegex(Exception, "it was being restored"):
            DatabaseLock.acquire(self.path)
        self.run_command("restore", f"{self.path}.restoring")
        self.assertEqual(self.stored(), ["a"])


class VacuumTests(CommandTestCase):
    def test_it_returns_free_space(self) -> None:
        self.fill(*(f"r{number}" for number in range(100)))
        with closing(open_database(self.path)) as connection:
            for number in range(1, 100):
                responses.delete_response(connection, "me", f"r{number}")
        before = os.path.getsize(self.path)
        self.run_command("vacuum")
        self.assertLess(os.path.getsize(self.path), before / 4)
        self.assertEqual(self.stored(), ["r0"])
        self.hold()
