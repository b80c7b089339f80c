"""What was acknowledged is still there when the daemon is killed, whenever that is."""

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

from codexd.neutral.kept import KeptConversation, Wanted
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.service import Store
from tests.support.loop import run
from tests.support.tables import MEMORY, InlineExecutor, answer, items

KILLS = 100
WRITERS = 4


class KillTests(SynchronousTestCase):
    def test_no_acknowledged_answer_is_lost(self) -> None:
        directory = tempfile.mkdtemp(dir=MEMORY)
        self.addCleanup(rmtree, directory)
        path = f"{directory}/kept.sqlite3"
        acknowledged: list[str] = []
        for life in range(KILLS):
            told = killed(path, life)
            with reopened(path) as store:
                for id in told:
                    self.see_that_it_is_whole(store, id)
            acknowledged += told
        self.assertGreater(len(acknowledged), 10 * KILLS)
        with closing(sqlite3.connect(path)) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            kept = {row[0] for row in connection.execute("SELECT id FROM response")}
        self.assertEqual(set(acknowledged) - kept, set())

    def see_that_it_is_whole(self, store: Store, id: str) -> None:
        life, writer, number = map(int, id.split("."))
        kept = self.successResultOf(store.response("me", id))
        said = [item.id for item in (*kept.input, *kept.output)]
        self.assertEqual(said, [f"in_{id}", f"out_{id}"])
        if writer == 0:
            held = self.successResultOf(store.conversation_items("me", f"k{life}"))
            self.assertLessEqual(set(said), {item.id for item in held})
            return
        self.assertEqual(self.successResultOf(store.frames("me", id)), id.encode() * 100)
        history = self.successResultOf(store.recall(Wanted("me", id))).history
        self.assertEqual(len(history), 2 * (number + 1))


@contextmanager
def reopened(path: str) -> Iterator[Store]:
    store = Store(Responses(), path, Clock(), Metrics(), lambda: 3.0, connect=InlineExecutor)
    store.startService()
    yield store
    store.stopService()


def killed(path: str, life: int) -> list[str]:
    """Let a process write until it is killed; give the ids it said were kept."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            run(lambda reactor: Deferred.fromCoroutine(writes(reactor, path, life, writing)))
        finally:
            # Whatever happens: a copy of the test's process must not go on as one.
            os._exit(1)
    os.close(writing)
    try:
        # At any moment from before the first write to well into the writing.
        select([reading], [], [], 10 if life % 4 else random.uniform(0, 0.01))
        select([], [], [], random.uniform(0, 0.02))
    finally:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, "it ended by itself"
    with open(reading, "rb") as told:
        # The last line may have been cut.
        return told.read().decode().split("\n")[:-1]


async def writes(reactor: Any, path: str, life: int, writing: int) -> None:
    """Keep answers without end, several at once: in a conversation, and in the background, in lines."""
    store = Store(Responses(), path, reactor, Metrics(), lambda: 2.0)
    store.startService()
    await store.converse(KeptConversation(f"k{life}", "me", 1, b"{}"), items("first"))

    async def write(writer: int) -> None:
        previous: str | None = None
        for number in range(10**9):
            id = f"{life}.{writer}.{number}"
            if writer == 0:
                await store.keep(answer(id, conversation=f"k{life}"))
            else:
                await store.keep(answer(id, previous, standing="queued", output=(), background=True))
                await store.keep(answer(id, previous, background=True), id.encode() * 100)
            os.write(writing, f"{id}\n".encode())
            previous = id

    await gatherResults([Deferred.fromCoroutine(write(writer)) for writer in range(WRITERS)])
