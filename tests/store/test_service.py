import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import Misconfigured
from codexd.neutral.fault import Refused
from codexd.neutral.kept import KeptConversation, Wanted
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.keeping import keep
from codexd.store.pruning import BATCH
from codexd.store.service import Store
from tests.support.loop import run
from tests.support.tables import InlineExecutor, answer, items

SETTINGS = Responses(keep_seconds=100, keep_limit=3, prune_seconds=10)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.executors: list[InlineExecutor] = []
        self.path = str(Path(self.mktemp()).absolute())

    def made(self, settings: Responses = SETTINGS, path: str = ":memory:") -> Store:
        def connect(*how: Any) -> InlineExecutor:
            self.executors.append(InlineExecutor(*how))
            return self.executors[-1]

        return Store(settings, path, self.clock, self.metrics, self.clock.seconds, 50.0, connect)

    def started(self, settings: Responses = SETTINGS, path: str = ":memory:") -> Store:
        store = self.made(settings, path)
        store.startService()
        return store

    def kept(self, store: Store, *ids: str) -> list[str]:
        return [id for id in ids if self.successResultOf(store.response("me", id))]

    def refused(self, deferred: "Deferred[Any]") -> str:
        return self.failureResultOf(deferred, Refused).value.fault.kind

    def figure(self, name: str) -> float:
        lines = self.metrics.render().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"codexd_{name} "))


class LifeTests(Case):
    def test_it_answers_only_between_its_start_and_its_end(self) -> None:
        store = self.made()
        self.assertEqual(self.refused(store.response("me", "a")), "store_failed")
        store.startService()
        self.assertIsNone(self.successResultOf(store.response("me", "a")))
        self.successResultOf(store.stopService())
        self.assertEqual(self.refused(store.response("me", "a")), "store_failed")

    def test_what_was_asked_is_done_before_it_ends(self) -> None:
        store = self.started(path=self.path)
        self.executors[0].hold()
        asked = [store.keep(answer(id)) for id in "abc"]
        stopped = store.stopService()
        self.assertNoResult(stopped)
        self.executors[0].release()
        self.assertEqual([self.successResultOf(d) for d in asked], [None] * 3)
        self.successResultOf(stopped)
        self.assertEqual(self.kept(self.started(path=self.path), "a", "b", "c"), ["a", "b", "c"])

    def test_it_may_be_started_again(self) -> None:
        store = self.started(path=self.path)
        self.successResultOf(store.keep(answer("a")))
        self.successResultOf(store.stopService())
        store.startService()
        self.assertEqual(self.kept(store, "a"), ["a"])
        self.assertEqual(self.figure("responses_kept"), 1)

    def test_a_file_that_is_anothers_stops_the_start(self) -> None:
        first = self.started(path=self.path)
        second = self.made(path=self.path)
        with self.assertRaisesRegex(Misconfigured, r"responses\.store: .* in use"):
            second.startService()
        self.assertFalse(second.running)
        self.successResultOf(second.stopService())
        self.successResultOf(first.stopService())
        second.startService()
        self.successResultOf(second.stopService())

    def test_nothing_is_left_running(self) -> None:
        store = self.started()
        self.successResultOf(store.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.executors[0].closed)

    def test_requests_that_take_long_go_on_from_what_was_deleted_meanwhile(self) -> None:
        store = self.started()
        for delay, left in ((40, ["in_a", "out_a", "in_b", "out_b"]), (60, ["in_b", "out_b"])):
            store.keep(answer("a", created=1000))
            store.recall(Wanted("me", "a"))
            store.delete("me", "a")
            self.clock.advance(delay)
            store.keep(answer("b", "a", created=1000))
            history = self.successResultOf(store.recall(Wanted("me", "b"))).history
            self.assertEqual([item.id for item in history], left)
            store.delete("me", "b")
            self.clock.pump([10] * 10)


class PruningTests(Case):
    def test_what_is_too_old_or_too_much_goes_in_time(self) -> None:
        self.clock.advance(1000)
        store = self.started()
        for id, created in (("a", 905), ("b", 950), ("c", 960), ("d", 970), ("e", 980)):
            self.successResultOf(store.keep(answer(id, created=created)))
        self.clock.advance(10)
        self.assertEqual(self.kept(store, *"abcde"), ["c", "d", "e"])
        self.clock.pump([10] * 6)
        self.assertEqual(self.kept(store, *"abcde"), ["d", "e"])
        self.assertEqual(self.figure("responses_pruned_total"), 3)
        self.assertEqual(self.figure("responses_kept"), 2)

    def test_it_begins_at_the_start(self) -> None:
        store = self.started(path=self.path)
        self.successResultOf(store.keep(answer("a", created=0)))
        self.successResultOf(store.stopService())
        self.clock.advance(1000)
        self.assertEqual(self.kept(self.started(path=self.path), "a"), [])

    def test_what_fails_is_tried_again(self) -> None:
        self.clock.advance(1000)
        store = self.started()
        self.successResultOf(store.keep(answer("a", created=0)))
        self.executors[0].connection.execute("PRAGMA query_only = ON")
        with capturedLogs() as logged:
            self.clock.advance(10)
        self.assertEqual(len(logged), 1)
        self.assertEqual(self.kept(store, "a"), ["a"])
        self.executors[0].connection.execute("PRAGMA query_only = OFF")
        self.clock.advance(10)
        self.assertEqual(self.kept(store, "a"), [])

    def test_others_are_served_in_between(self) -> None:
        store = self.started(evolve(SETTINGS, keep_limit=100_000))
        self.fill(1200)
        order: list[object] = []
        self.executors[0].hold()
        store.response("me", "r0")
        pruning = store.prune(5, 100_000).addCallback(order.append)
        store.response("me", "r1199").addCallback(lambda found: order.append(found.id))
        self.executors[0].release()
        self.successResultOf(pruning)
        self.assertEqual(order, ["r1199", 1200])

    def test_the_end_does_not_wait_for_all_that_is_too_old(self) -> None:
        store = self.started()
        self.fill(BATCH + 1)
        self.executors[0].hold()
        pruned = store.prune(5, 100_000)
        stopped = store.stopService()
        self.executors[0].release()
        self.successResultOf(stopped)
        self.assertEqual(self.successResultOf(pruned), BATCH)

    def fill(self, number: int) -> None:
        """Keep many old answers."""
        connection = self.executors[0].connection
        connection.execute("BEGIN")
        for count in range(number):
            keep(connection, answer(f"r{count}"), b"", 1.0)
        connection.execute("COMMIT")


class FigureTests(Case):
    def test_it_says_how_many_are_kept_and_written(self) -> None:
        store = self.started()
        self.assertEqual(self.figure("responses_kept"), 0)
        before = self.figure("store_writes_total")
        store.keep(answer("a", standing="queued"))
        store.keep(answer("a"))
        store.keep(answer("b")).cancel()
        self.assertEqual(self.figure("responses_kept"), 2)
        store.delete("me", "a")
        store.delete("me", "a")
        self.assertEqual(self.figure("responses_kept"), 1)
        self.assertEqual(self.figure("store_writes_total") - before, 5)
        self.assertEqual(self.figure("store_failures_total"), 0)


class FailureTests(Case):
    def setUp(self) -> None:
        super().setUp()
        self.store = self.started()
        self.connection = self.executors[0].connection

    def fill(self) -> None:
        """Let nothing more fit on the disk."""
        pages = self.connection.execute("PRAGMA page_count").fetchone()[0]
        self.connection.execute(f"PRAGMA max_page_count = {pages}")

    def test_a_full_disk_is_told_as_such_and_what_is_there_can_still_be_read(self) -> None:
        self.successResultOf(self.store.keep(answer("a")))
        self.fill()
        with capturedLogs() as logged:
            failed = self.store.keep(answer("b", body=b"x" * 100_000))
        self.assertEqual(self.refused(failed), "store_failed")
        self.assertEqual([event["why"] for event in logged], ["SQLITE_FULL"])
        self.assertEqual(self.figure("store_failures_total"), 1)
        self.assertEqual(self.kept(self.store, "a", "b"), ["a"])
        self.assertEqual(self.figure("responses_kept"), 1)

    def test_the_file_becomes_no_larger_than_it_may(self) -> None:
        store = self.started(evolve(SETTINGS, file_bytes=300_000), str(self.path))
        self.successResultOf(store.keep(answer("a")))
        self.assertEqual(self.refused(store.keep(answer("b", body=b"x" * 400_000))), "store_failed")
        self.assertEqual(self.kept(store, "a", "b"), ["a"])
        self.successResultOf(store.stopService())

    def test_what_is_too_large_to_be_gone_on_from_is_refused_and_still_shown(self) -> None:
        store = self.started(evolve(SETTINGS, history_bytes=50))
        made = KeptConversation("k", "me", 1, b"{}")
        self.successResultOf(store.converse(made, items("x")))
        self.successResultOf(store.keep(answer("a")))
        self.successResultOf(store.keep(answer("b", "a")))
        self.assertEqual(self.kept(store, "a", "b"), ["a", "b"])
        self.assertEqual(len(self.successResultOf(store.recall(Wanted("me", "a"))).history or ()), 2)
        self.assertEqual(
            len(self.successResultOf(store.recall(Wanted("me", conversation="k"))).history or ()), 1
        )
        self.successResultOf(store.converse(made, items(*"abcdef")))
        for asked in (
            store.recall(Wanted("me", "b")),
            store.recall(Wanted("me", conversation="k")),
            store.conversation_items("me", "k"),
        ):
            self.assertEqual(self.refused(asked), "history_too_large")
        self.assertEqual(self.figure("store_failures_total"), 0)

    def test_every_call_fails_in_the_same_way(self) -> None:
        self.connection.close()
        made = KeptConversation("k", "me", 1, b"{}")
        store = self.store
        calls = (
            store.keep(answer("a")),
            store.response("me", "a"),
            store.frames("me", "a"),
            store.recall(Wanted("me", "a")),
            store.input_items("me", "a"),
            store.delete("me", "a"),
            store.unfinished(),
            store.converse(made, items("x")),
            store.amend(made),
            store.add("me", "k", items("x")),
            store.conversation("me", "k"),
            store.conversation_items("me", "k"),
            store.take_out("me", "k", "x"),
            store.end_conversation("me", "k"),
            store.prune(1, 1),
        )
        self.assertEqual([self.refused(call) for call in calls], ["store_failed"] * len(calls))

    def test_a_stream_that_cannot_be_read_is_a_failure(self) -> None:
        self.successResultOf(self.store.keep(answer("a"), b"stream"))
        self.connection.execute("UPDATE frames SET body = x'00'")
        self.assertEqual(self.refused(self.store.frames("me", "a")), "store_failed")

    def test_who_leaves_while_the_disk_is_busy_harms_nobody(self) -> None:
        self.executors[0].hold()
        asked = [self.store.keep(answer(id)) for id in "abc"]
        asked[1].cancel()
        pruning = self.store.prune(0, 100)
        pruning.cancel()
        self.executors[0].release()
        for left in (asked[1], pruning):
            self.failureResultOf(left, CancelledError)
        self.assertEqual(self.kept(self.store, *"abc"), ["a", "b", "c"])
        self.assertEqual(self.figure("responses_kept"), 3)


class ThreadTests(SynchronousTestCase):
    """The whole of it, with a real reactor, a real thread and a real file."""

    def test_what_many_keep_at_once_is_there_after_a_restart(self) -> None:
        path = str(Path(self.mktemp()).absolute())
        names = [f"r{number}" for number in range(50)]

        async def life(reactor: Any, ask: Callable[[Store, str], "Deferred[Any]"]) -> list[Any]:
            store = Store(Responses(), path, reactor, Metrics(), lambda: 2.0)
            store.startService()
            told = await gatherResults([ask(store, name) for name in names])
            await store.stopService()
            return told

        async def story(reactor: Any) -> list[str]:
            await life(reactor, lambda store, name: store.keep(answer(name)))
            return [kept.id for kept in await life(reactor, lambda store, name: store.response("me", name))]

        self.assertEqual(run(lambda reactor: Deferred.fromCoroutine(story(reactor))), names)
        with sqlite3.connect(path) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchone(), ("ok",))
