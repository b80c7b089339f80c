"""The store as a part of the daemon: opened at its start, pruned now and then, closed at its end."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from codexd.interfaces import IResponseStore
from codexd.neutral.fault import Refused, fault
from codexd.neutral.kept import KeptConversation, KeptItem, KeptResponse, Recalled, Wanted
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store import answers, conversations, history, keeping, pruning
from codexd.store.batch import Call, Work
from codexd.store.connection import limit
from codexd.store.executor import Executor, PoolExecutor
from codexd.store.file import Claim
from codexd.store.queue import Queue

LENT_SECONDS: Final = 3600.0
"""How long a request may take and still go on from what was deleted meanwhile."""

Connect = Callable[[str, bool, Any], Executor]


@implementer(IResponseStore)
class Store(Service):
    """Keeps answers and conversations in an SQLite file (`IResponseStore`).

    Args:
        settings: how long, how many, how safely.
        path: the file (`codexd.store.file.located`), or `:memory:`.
        reactor: provides IReactorCore, IReactorFromThreads and IReactorTime.
        metrics: counts writes, failures and what is pruned, and shows how many answers are kept.
        now: Unix time in seconds.
        lent_seconds: how long a request may take that goes on from something.
        connect: makes what runs the SQL.
    """

    name = "store"

    def __init__(
        self,
        settings: Responses,
        path: str,
        reactor: Any,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
        lent_seconds: float = LENT_SECONDS,
        connect: Connect = PoolExecutor,
    ) -> None:
        self._settings = settings
        self._path = path
        self._reactor = reactor
        self._metrics = metrics
        self._now = now
        self._lent_seconds = lent_seconds
        self._connect = connect
        self._queue: Queue | None = None
        self._claim: Claim | None = None
        self._kept = 0
        metrics.watch("responses_kept", lambda: self._kept)
        self._pruning = LoopingCall(self._prune_what_is_due)
        self._pruning.clock = reactor

    # The service.

    def startService(self) -> None:
        """Open the file, and prune it now and then.

        Raises:
            Misconfigured: when the file is another daemon's, cannot be used, or is no store of ours.
        """
        self._claim = Claim.of(self._path)
        executor = self._connect(self._path, self._settings.sync, self._reactor)
        self._queue, self._kept = Queue(executor, self._metrics.count), 0
        super().startService()
        self._ask(Call("limit", partial(limit, most_bytes=self._settings.file_bytes))).addErrback(_logged)
        self._ask(Call("number_kept", answers.number_kept, told=self._grown)).addErrback(_logged)
        self._pruning.start(self._settings.prune_seconds)

    def stopService(self) -> "Deferred[None]":
        """Do what was asked for, close the file and let another daemon have it."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        super().stopService()
        if self._pruning.running:
            self._pruning.stop()
        if self._queue is not None:
            await self._queue.close()
        if self._claim is not None:
            self._claim.release()
        self._queue = self._claim = None

    # Answers (IResponseStore).

    def keep(self, response: KeptResponse, frames: bytes = b"") -> "Deferred[None]":
        """Keep an answer."""
        work = partial(keeping.keep, response=response, frames=frames, now=self._now())
        return self._write("keep", work, self._grown).addCallback(_nothing)

    def response(self, owner: str, id: str) -> "Deferred[KeptResponse | None]":
        """Give an answer."""
        return self._read("response", partial(answers.response, owner=owner, id=id))

    def frames(self, owner: str, id: str) -> "Deferred[bytes]":
        """Give an answer's stream."""
        return self._read("frames", partial(answers.frames, owner=owner, id=id))

    def recall(self, wanted: Wanted) -> "Deferred[Recalled]":
        """Give what a request goes on from."""
        until = self._now() + self._lent_seconds
        most = self._settings.history_bytes
        return self._read("recall", partial(history.recall, wanted=wanted, until=until, most_bytes=most))

    def input_items(self, owner: str, id: str) -> "Deferred[tuple[KeptItem, ...] | None]":
        """Give what the model was shown for an answer."""
        most = self._settings.history_bytes
        return self._read("input_items", partial(history.input_items, owner=owner, id=id, most_bytes=most))

    def delete(self, owner: str, id: str) -> "Deferred[bool]":
        """Delete an answer."""
        return self._write("delete", partial(answers.delete, owner=owner, id=id), self._shrunk)

    def unfinished(self) -> "Deferred[tuple[KeptResponse, ...]]":
        """List the answers that are not over."""
        return self._read("unfinished", answers.unfinished)

    # Conversations (IResponseStore).

    def converse(self, conversation: KeptConversation, items: tuple[KeptItem, ...] = ()) -> "Deferred[None]":
        """Keep a conversation and add items."""
        work = partial(conversations.converse, conversation=conversation, items=items, now=self._now())
        return self._write("converse", work)

    def amend(self, conversation: KeptConversation) -> "Deferred[bool]":
        """Keep another body of a conversation."""
        return self._write("amend", partial(conversations.amend, conversation=conversation))

    def add(self, owner: str, id: str, items: tuple[KeptItem, ...]) -> "Deferred[bool]":
        """Put items at the end of a conversation."""
        work = partial(conversations.extend, owner=owner, id=id, items=items, now=self._now())
        return self._write("add", work)

    def conversation(self, owner: str, id: str) -> "Deferred[KeptConversation | None]":
        """Give a conversation."""
        return self._read("conversation", partial(conversations.conversation, owner=owner, id=id))

    def conversation_items(self, owner: str, id: str) -> "Deferred[tuple[KeptItem, ...] | None]":
        """List a conversation's items."""
        most = self._settings.history_bytes
        return self._read(
            "conversation_items", partial(history.conversation_items, owner=owner, id=id, most_bytes=most)
        )

    def take_out(self, owner: str, id: str, item: str) -> "Deferred[bool]":
        """Take one item out of a conversation."""
        work = partial(conversations.take_out, owner=owner, id=id, item=item, now=self._now())
        return self._write("take_out", work)

    def end_conversation(self, owner: str, id: str) -> "Deferred[bool]":
        """Delete a conversation."""
        return self._write("end_conversation", partial(conversations.end_conversation, owner=owner, id=id))

    # Pruning (IResponseStore).

    def prune(self, before: float, most: int) -> "Deferred[int]":
        """Delete what is too old or too much, some at a time, so that others are served in between."""
        return Deferred.fromCoroutine(self._prune(before, most))

    async def _prune(self, before: float, most: int) -> int:
        deleted, more = 0, True
        while more and self.running:
            work = partial(pruning.prune, before=before, most=most, now=self._now())
            pruned: pruning.Pruned = await self._write("prune", work, self._pruned)
            deleted, more = deleted + pruned.answers, pruned.more
        return deleted

    def _prune_what_is_due(self) -> "Deferred[object]":
        return Deferred.fromCoroutine(self._prune_due()).addErrback(_logged)

    async def _prune_due(self) -> None:
        before = self._now() - self._settings.keep_seconds
        most = await self._read("share", partial(pruning.share, most=self._settings.keep_limit))
        await self._prune(before, most)

    # How it does it.

    def _read(self, name: str, work: Work) -> "Deferred[Any]":
        return self._ask(Call(name, work))

    def _write(
        self, name: str, work: Work, told: Callable[[Any], object] = lambda _: None
    ) -> "Deferred[Any]":
        return self._ask(Call(name, work, True, told))

    def _ask(self, call: Call) -> "Deferred[Any]":
        if self._queue is None:
            return fail(Refused(fault("store_failed")))
        return self._queue.ask(call)

    def _grown(self, answers: int) -> None:
        self._kept += answers

    def _shrunk(self, answers: int) -> None:
        self._kept -= answers

    def _pruned(self, pruned: pruning.Pruned) -> None:
        self._kept -= pruned.answers
        self._metrics.count("responses_pruned", pruned.answers)


def _nothing(_: object) -> None:
    """Keep what was written to ourselves."""


def _logged(failure: Any) -> None:
    """Let a failure be that was logged where it became one."""
    failure.trap(Refused)
