"""Faults of the database file of a real daemon: what clients and operators see, and that nothing is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.support.http_client import HttpResponse
from tests.support.live_daemon import RESPONSES, DaemonSetup, LiveTestCase
from tests.support.processes import wait_until


class StoreFaultTests(LiveTestCase):
    # Not in the state directory: CODEX_HOME is there, too.
    daemon_setup = DaemonSetup(settings='[responses]\ndatabase = "{folder}/store/responses.sqlite3"\n')

    def setUp(self) -> None:
        self.server = self.new_daemon()
        self.path.parent.mkdir()
        self.server.start().await_ready()

    @property
    def path(self) -> Path:
        return self.server.folder / "store" / "responses.sqlite3"

    def ask(self) -> HttpResponse:
        return self.server.post(RESPONSES, {"model": self.server.model, "input": "hello"})

    def acknowledged(self) -> str:
        answer = self.ask()
        self.assertEqual(answer.status, 200, answer.body)
        return str(answer.json["id"])

    def assert_stored(self, *ids: str) -> None:
        for id in ids:
            self.assertEqual(self.server.get(f"{RESPONSES}/{id}").status, 200, id)

    def health(self) -> tuple[int, str, str | None]:
        health = self.server.get("/healthz")
        return health.status, health.json["status"], health.json.get("store")

    def kill_and_restart(self) -> None:
        self.server.end(signal.SIGKILL)
        self.server.start().await_ready()

    def test_nothing_is_lost_when_the_file_is_removed_and_the_daemon_is_killed(self) -> None:
        before = self.acknowledged()
        for suffix in ("", "-wal", "-shm", ".lock"):
            os.unlink(f"{self.path}{suffix}")
        after = self.acknowledged()
        self.assertEqual(self.health(), (200, "ok", None))
        self.assertEqual(self.server.metric("codexd_store_restored_total"), 1)
        wait_until(lambda: self.server.log.count("its content was restored there") == 1, "it is logged once")
        self.kill_and_restart()
        self.assert_stored(before, after)

    def test_an_idle_daemon_restores_the_file_before_it_is_killed(self) -> None:
        before = self.acknowledged()
        os.unlink(self.path)
        wait_until(self.path.exists, "restored")
        self.kill_and_restart()
        self.assert_stored(before)

    def test_while_the_directory_is_away_requests_fail_chat_works_and_it_recovers(self) -> None:
        before = self.acknowledged()
        away = self.path.parent.with_name("away")
        shutil.move(self.path.parent, away)
        for _ in range(3):
            failed = self.ask()
            self.assertEqual((failed.status, failed.json["error"]["code"]), (500, "store_failed"))
        self.assertIn("hello", self.server.chat_text("hello"))
        self.assertEqual(self.health(), (200, "degraded", "vanished"))
        ready = self.server.get("/readyz")
        self.assertEqual((ready.status, ready.json), (200, {"status": "degraded"}))
        self.assertEqual(self.server.metric("codexd_store_up"), 0)
        self.assertEqual(self.server.metric('codexd_store_faults_total{problem="vanished"}'), 1)
        wait_until(lambda: self.server.log.count("store degraded") == 1, "it is logged once")
        self.assert_stored(before)
        shutil.move(away, self.path.parent)
        wait_until(lambda: self.health()[1] == "ok", "recovered")
        after = self.acknowledged()
        self.kill_and_restart()
        self.assert_stored(before, after)

    def test_a_lock_of_another_program_fails_requests_in_time_and_reads_work(self) -> None:
        before = self.acknowledged()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            failed = self.ask()
            self.assertEqual((failed.status, failed.json["error"]["code"]), (500, "store_failed"))
            self.assertEqual(self.health(), (200, "degraded", "locked"))
            self.assert_stored(before)
        wait_until(lambda: self.health()[1] == "ok", "recovered")
        self.assert_stored(self.acknowledged())

    def test_a_damaged_file_stops_the_start_with_the_command_that_helps_and_a_backup_restores_it(self) -> None:
        before = self.acknowledged()
        backup = self.server.folder / "backup.sqlite3"
        self.assertEqual(self.run_store("backup", str(backup)), 0)
        self.server.end(signal.SIGTERM)
        self.path.write_bytes(b"\xff" * 100_000)
        self.server.start()
        self.assertNotEqual(self.server.end(), 0)
        self.server.await_log("cannot be used: file is not a database; run `codexd store check`")
        self.assertEqual(self.run_store("check"), 1)
        self.assertEqual(self.run_store("restore", str(backup)), 0)
        self.server.start().await_ready()
        self.assert_stored(before)

    def run_store(self, *argv: str) -> int:
        command = [sys.executable, "-m", "codexd.command", "store", *argv]
        command.append(f"--config={self.server.folder / 'codexd.toml'}")
        return subprocess.run(command, check=False, capture_output=True).returncode
