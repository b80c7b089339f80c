"""Acknowledged responses survive a SIGKILL at any moment."""

import os
import random
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from select import select
from shutil import rmtree
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.stored import HistoryQuery, StoredConversation
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.service import Store
from tests.support.inline_executor import MEMORY_FOLDER, InlineExecutor, items, stored_response
from tests.support.real_reactor import with_reactor

KILLS = 100
WRITERS = 4


class KillTests(SynchronousTestCase):
    def test_no_acknowledged_response_is_lost(self) -> None:
        directory = tempfile.mkdtemp(dir=MEMORY_FOLDER)
        self.addCleanup(rmtree, directory)
        path = f"{directory}/stored.sqlite3"
        acknowledged: list[str] = []
        for life in range(KILLS):
            acknowledged_ids = write_until_killed(path, life)
            with reopen(path) as store:
                for id in acknowledged_ids:
                    self.check_response(store, id)
            acknowledged += acknowledged_ids
        self.assertGreater(len(acknowledged), KILLS)
        with closing(sqlite3.connect(path)) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            stored = {row[0] for row in connection.execute("SELECT id FROM response")}
        self.assertEqual(set(acknowledged) - stored, set())

    def check_response(self, store: Store, id: str) -> None:
        life, writer, number = map(int, id.split("."))
        stored = self.successResultOf(store.load_response("me", id))
        item_ids = [item.id for item in (*stored.input, *stored.output)]
        self.assertEqual(item_ids, [f"in_{id}", f"out_{id}"])
        if writer == 0:
            items_of_conversation = self.successResultOf(store.load_conversation_items("me", f"k{life}"))
            self.assertLessEqual(set(item_ids), {item.id for item in items_of_conversation})
            return
        self.assertEqual(self.successResultOf(store.load_stream("me", id)), id.encode() * 100)
        history = self.successResultOf(store.load_history(HistoryQuery("me", id))).history
        self.assertEqual(len(history), 2 * (number + 1))


@contextmanager
def reopen(path: str) -> Iterator[Store]:
    store = Store(Responses(), path, Clock(), Metrics(), lambda: 3.0, connect=InlineExecutor)
    store.startService()
    yield store
    store.stopService()


def write_until_killed(path: str, life: int) -> list[str]:
    """Run a process that writes until it is killed; return the ids it reported as saved."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with_reactor(lambda reactor: Deferred.fromCoroutine(write_forever(reactor, path, life, writing)))
        finally:
            # The forked copy of the test process must never return.
            os._exit(1)
    os.close(writing)
    try:
        # Kill it at a random moment, sometimes before its first write.
        select([reading], [], [], 10 if life % 4 else random.uniform(0, 0.01))
        select([], [], [], random.uniform(0, 0.02))
    finally:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, "it ended by itself"
    with open(reading, "rb") as acknowledged_ids:
        # The last line may have been cut.
        return acknowledged_ids.read().decode().split("\n")[:-1]


async def write_forever(reactor: Any, path: str, life: int, writing: int) -> None:
    """Save responses forever, several at once: one writer in a conversation, the others background chains."""
    store = Store(Responses(), path, reactor, Metrics(), lambda: 2.0)
    store.startService()
    await store.save_conversation(StoredConversation(f"k{life}", "me", 1, b"{}"), items("first"))

    async def write(writer: int) -> None:
        previous: str | None = None
        for number in range(10**9):
            id = f"{life}.{writer}.{number}"
            if writer == 0:
                await store.save_response(stored_response(id, conversation=f"k{life}"))
            else:
                await store.save_response(stored_response(id, previous, state="queued", output=(), background=True))
                await store.save_response(stored_response(id, previous, background=True), id.encode() * 100)
            os.write(writing, f"{id}\n".encode())
            previous = id

    await gatherResults([Deferred.fromCoroutine(write(writer)) for writer in range(WRITERS)])
