"""What was acknowledged is there after the recovery, in any sequence of faults of the file and calls."""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import FaultError
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store import connection, open_database
from codexd.store.file_identity import FileIdentity
from codexd.store.service import CHECK_SECONDS, Store
from tests.support.inline_executor import MEMORY_FOLDER, InlineExecutor, stored_response
from tests.support.metric_samples import find_sample

SECONDS = 30.0
FILES = ("", "-wal", "-shm", ".lock")


class FaultMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(dir=MEMORY_FOLDER))
        self.directory = self.root / "state"
        self.directory.mkdir()
        self.path = str(self.directory / "kept.sqlite3")
        self.made = 0
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.locker: sqlite3.Connection | None = None
        self.is_full = False
        self.start()

    def teardown(self) -> None:
        self.cure()
        self.restart()
        self.store.stopService()
        with sqlite3.connect(self.path) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        shutil.rmtree(self.root)

    # Calls.

    @rule(size=st.sampled_from((10, 100_000)))
    def save(self, size: int) -> None:
        self.made += 1
        id = f"r{self.made}"
        results: list[Any] = []
        self.store.save_response(stored_response(id, body=b"x" * size)).addBoth(results.append)
        (result,) = results
        if result is None:
            self.acknowledged.append(id)
        else:
            result.trap(FaultError)
            assert result.value.fault.kind == "store_failed"
            self.refused.append(id)
            assert self.store.problem() is not None
            assert find_sample(self.metrics.render(), "codexd_store_up") == 0

    @rule(size=st.sampled_from((10, 100_000)))
    def save_on_a_disk_that_hangs(self, size: int) -> None:
        """The call fails in time; it may take effect later, in the order of the calls."""
        self.made += 1
        id = f"r{self.made}"
        results: list[Any] = []
        self.executor.delay_calls()
        self.store.save_response(stored_response(id, body=b"x" * size)).addBoth(results.append)
        assert not results
        self.clock.advance(SECONDS)
        assert results[0].value.fault.kind == "store_timeout"
        assert self.store.problem() == "stalled"
        self.executor.run_delayed_calls()

    @rule()
    def wait(self) -> None:
        self.clock.advance(CHECK_SECONDS)

    @invariant()
    def reads_work(self) -> None:
        """No fault of this machine damages what the connection has open."""
        self.check(self.acknowledged[-3:])

    # Faults.

    @precondition(lambda self: self.directory.exists())
    @rule(suffixes=st.sets(st.sampled_from(FILES), min_size=1))
    def remove(self, suffixes: set[str]) -> None:
        for suffix in suffixes:
            Path(self.path + suffix).unlink(missing_ok=True)

    @precondition(lambda self: self.directory.exists() and os.path.exists(self.path))
    @rule(content=st.sampled_from(("copy", "empty", "garbage")))
    def replace(self, content: str) -> None:
        other = f"{self.path}.other"
        if content == "copy":
            shutil.copyfile(self.path, other)
        else:
            Path(other).write_bytes(b"" if content == "empty" else b"garbage" * 1000)
        os.replace(other, self.path)

    @rule()
    def move_directory(self) -> None:
        away = self.root / "away"
        if self.directory.exists() and not away.exists():
            os.rename(self.directory, away)
        elif away.exists() and not self.directory.exists():
            os.rename(away, self.directory)

    @rule()
    def lock_or_release(self) -> None:
        if self.locker is not None:
            self.release()
        elif FileIdentity.of(self.path) == self.executor.database.identity:
            # A program that opened another file at the path, with this log, would damage both.
            self.locker = sqlite3.connect(self.path, isolation_level=None)
            self.locker.execute("BEGIN EXCLUSIVE")

    @rule()
    def fill_or_free(self) -> None:
        """Limit the size of the file to what it is, as on a full disk; reopening the file ends that."""
        connection = self.executor.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        self.is_full = not self.is_full
        connection.execute(f"PRAGMA max_page_count = {pages if self.is_full else 2**30}")

    @precondition(lambda self: self.directory.exists())
    @rule()
    def restart_when_well(self) -> None:
        self.cure()
        self.restart()

    # Helpers.

    def start(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        limits = Responses(retention_seconds=1e9, prune_interval_seconds=1e9, call_seconds=SECONDS)
        self.store = Store(limits, self.path, self.clock, self.metrics, lambda: 2.0, connect=self.connect)
        self.store.startService()

    def connect(self, *how: Any) -> InlineExecutor:
        self.executor = InlineExecutor(*how)
        return self.executor

    def release(self) -> None:
        if self.locker is not None:
            self.locker.close()
            self.locker = None

    def cure(self) -> None:
        """End all faults; within some checks the store works again."""
        self.release()
        if self.is_full:
            self.fill_or_free()
        if not self.directory.exists():
            self.move_directory()
        for _ in range(4):
            self.clock.advance(CHECK_SECONDS)
        assert self.store.problem() is None, self.store.problem()
        self.save(10)
        assert self.acknowledged[-1] == f"r{self.made}"

    def restart(self) -> None:
        self.store.stopService()
        self.start()
        self.check(self.acknowledged)

    def check(self, ids: list[str]) -> None:
        for id in ids:
            found: list[Any] = []
            self.store.load_response("me", id).addCallback(found.append)
            assert [response is not None for response in found] == [True], id


class LawTests(SynchronousTestCase):
    def test_what_was_acknowledged_is_there_after_the_recovery(self) -> None:
        self.patch(connection, "BUSY_MILLISECONDS", 0)
        self.patch(open_database, "BUSY_MILLISECONDS", 0)
        self.patch(open_database, "_DEGRADED_TIMEOUT", 0)
        machine = settings(settings.get_profile("machines"), stateful_step_count=25)
        run_state_machine_as_test(FaultMachine, settings=machine)
