import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from codexd.configuration import ConfigurationError
from codexd.neutral.fault import FaultError
from codexd.neutral.stored import HistoryQuery, StoredConversation, StoredItem
from codexd.observe.metrics import Metrics
from codexd.settings import Responses
from codexd.store.executor import ThreadExecutor
from codexd.store.pruning import BATCH
from codexd.store.response_writes import save_response
from codexd.store.service import Store
from tests.support.inline_executor import InlineExecutor, items, stored_response
from tests.support.real_reactor import with_reactor

SETTINGS = Responses(retention_seconds=100, retention_limit=3, prune_interval_seconds=10)


class StoreTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.executors: list[InlineExecutor] = []
        self.path = str(Path(self.mktemp()).absolute())

    def build(self, settings: Responses = SETTINGS, path: str = ":memory:") -> Store:
        def connect(*how: Any) -> InlineExecutor:
            self.executors.append(InlineExecutor(*how))
            return self.executors[-1]

        return Store(settings, path, self.clock, self.metrics, self.clock.seconds, 50.0, connect)

    def start(self, settings: Responses = SETTINGS, path: str = ":memory:") -> Store:
        store = self.build(settings, path)
        store.startService()
        return store

    def stored(self, store: Store, *ids: str) -> list[str]:
        return [id for id in ids if self.successResultOf(store.load_response("me", id))]

    def fault_kind(self, deferred: "Deferred[Any]") -> str:
        return self.failureResultOf(deferred, FaultError).value.fault.kind

    def metric(self, name: str) -> float:
        lines = self.metrics.render().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"codexd_{name} "))


class LifeTests(StoreTestCase):
    def test_calls_fail_before_start_and_after_stop(self) -> None:
        store = self.build()
        self.assertEqual(self.fault_kind(store.load_response("me", "a")), "store_failed")
        store.startService()
        self.assertIsNone(self.successResultOf(store.load_response("me", "a")))
        self.successResultOf(store.stopService())
        self.assertEqual(self.fault_kind(store.load_response("me", "a")), "store_failed")

    def test_submitted_calls_run_before_it_stops(self) -> None:
        store = self.start(path=self.path)
        self.executors[0].delay_calls()
        asked = [store.save_response(stored_response(id)) for id in "abc"]
        stopped = store.stopService()
        self.assertNoResult(stopped)
        self.executors[0].run_delayed_calls()
        self.assertEqual([self.successResultOf(d) for d in asked], [None] * 3)
        self.successResultOf(stopped)
        self.assertEqual(self.stored(self.start(path=self.path), "a", "b", "c"), ["a", "b", "c"])

    def test_it_can_be_restarted(self) -> None:
        store = self.start(path=self.path)
        self.successResultOf(store.save_response(stored_response("a")))
        self.successResultOf(store.stopService())
        store.startService()
        self.assertEqual(self.stored(store, "a"), ["a"])
        self.assertEqual(self.metric("responses_stored"), 1)

    def test_a_locked_file_stops_the_start(self) -> None:
        first = self.start(path=self.path)
        second = self.build(path=self.path)
        with self.assertRaisesRegex(ConfigurationError, r"responses\.database: .* in use"):
            second.startService()
        self.assertFalse(second.running)
        self.successResultOf(second.stopService())
        self.successResultOf(first.stopService())
        second.startService()
        self.successResultOf(second.stopService())

    def test_after_stop_no_timer_runs_and_the_executor_is_closed(self) -> None:
        store = self.start()
        self.successResultOf(store.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.executors[0].closed)

    def test_a_request_continues_a_deleted_response_while_its_lease_lasts(self) -> None:
        store = self.start()
        for delay, left in ((40, ["in_a", "out_a", "in_b", "out_b"]), (60, ["in_b", "out_b"])):
            store.save_response(stored_response("a", created=1000))
            store.load_history(HistoryQuery("me", "a"))
            store.delete_response("me", "a")
            self.clock.advance(delay)
            store.save_response(stored_response("b", "a", created=1000))
            history = self.successResultOf(store.load_history(HistoryQuery("me", "b"))).history
            self.assertEqual([item.id for item in history], left)
            store.delete_response("me", "b")
            self.clock.pump([10] * 10)


class PruningTests(StoreTestCase):
    def test_old_and_excess_responses_are_pruned_periodically(self) -> None:
        self.clock.advance(1000)
        store = self.start()
        for id, created in (("a", 905), ("b", 950), ("c", 960), ("d", 970), ("e", 980)):
            self.successResultOf(store.save_response(stored_response(id, created=created)))
        self.clock.advance(10)
        self.assertEqual(self.stored(store, *"abcde"), ["c", "d", "e"])
        self.clock.pump([10] * 6)
        self.assertEqual(self.stored(store, *"abcde"), ["d", "e"])
        self.assertEqual(self.metric("responses_pruned_total"), 3)
        self.assertEqual(self.metric("responses_stored"), 2)

    def test_pruning_runs_at_the_start(self) -> None:
        store = self.start(path=self.path)
        self.successResultOf(store.save_response(stored_response("a", created=0)))
        self.successResultOf(store.stopService())
        self.clock.advance(1000)
        self.assertEqual(self.stored(self.start(path=self.path), "a"), [])

    def test_failed_pruning_is_retried(self) -> None:
        self.clock.advance(1000)
        store = self.start()
        self.successResultOf(store.save_response(stored_response("a", created=0)))
        self.executors[0].connection.execute("PRAGMA query_only = ON")
        with capturedLogs() as logged:
            self.clock.advance(10)
        self.assertEqual([event["why"] for event in logged], ["SQLITE_READONLY"] * 2)
        self.assertEqual(self.stored(store, "a"), ["a"])
        self.executors[0].connection.execute("PRAGMA query_only = OFF")
        self.clock.advance(10)
        self.assertEqual(self.stored(store, "a"), [])

    def test_other_calls_run_between_batches(self) -> None:
        store = self.start(evolve(SETTINGS, retention_limit=100_000))
        self.fill(1200)
        order: list[object] = []
        self.executors[0].delay_calls()
        store.load_response("me", "r0")
        pruning = store.prune(5, 100_000).addCallback(order.append)
        store.load_response("me", "r1199").addCallback(lambda found: order.append(found.id))
        self.executors[0].run_delayed_calls()
        self.successResultOf(pruning)
        self.assertEqual(order, ["r1199", 1200])

    def test_stop_waits_for_one_batch_only(self) -> None:
        store = self.start()
        self.fill(BATCH + 1)
        self.executors[0].delay_calls()
        pruned = store.prune(5, 100_000)
        stopped = store.stopService()
        self.executors[0].run_delayed_calls()
        self.successResultOf(stopped)
        self.assertEqual(self.successResultOf(pruned), BATCH)

    def fill(self, number: int) -> None:
        """Save many old responses."""
        connection = self.executors[0].connection
        connection.execute("BEGIN")
        for count in range(number):
            save_response(connection, stored_response(f"r{count}"), b"", 1.0)
        connection.execute("COMMIT")


class OwnerLimitTests(StoreTestCase):
    """`responses.owner_bytes`."""

    def save(self, store: Store, id: str, owner: str = "me", size: int = 1000) -> "Deferred[None]":
        return store.save_response(stored_response(id, owner=owner, created=1000, body=b"x" * size))

    def test_what_an_owner_stores_displaces_his_oldest(self) -> None:
        store = self.start(evolve(SETTINGS, owner_bytes=3500, retention_limit=100))
        for id in "abcde":
            self.successResultOf(self.save(store, id))
            self.successResultOf(self.save(store, id, "you"))
        self.assertEqual(self.stored(store, *"abcde"), ["c", "d", "e"])
        self.assertEqual(self.metric("responses_stored"), 6)
        self.assertEqual(self.metric("responses_pruned_total"), 4)

    def test_what_exceeds_the_limit_alone_is_refused(self) -> None:
        store = self.start(evolve(SETTINGS, owner_bytes=3500))
        self.successResultOf(self.save(store, "a"))
        conversation = StoredConversation("k", "me", 1, b"x" * 4000)
        for call in (
            self.save(store.for_request("req_1"), "b", size=4000),
            store.save_conversation(conversation),
            store.append_items("me", "k", (StoredItem("i", b"x" * 4000),)),
        ):
            self.assertEqual(self.fault_kind(call), "storage_limit")
        self.assertEqual(self.stored(store, "a"), ["a"])
        self.assertEqual(self.metric("store_failures_total"), 0)

    def test_owners_can_have_limits_of_their_own(self) -> None:
        limits = {"me": 2500}
        store = Store(
            SETTINGS, ":memory:", self.clock, self.metrics, self.clock.seconds, 50.0, InlineExecutor, limits.get
        )
        store.startService()
        for id in "abc":
            self.successResultOf(self.save(store, id))
            self.successResultOf(self.save(store, id, "you"))
        self.assertEqual(self.stored(store, *"abc"), ["b", "c"])
        self.assertEqual(self.metric("responses_stored"), 5)

    def test_items_of_a_conversation_count(self) -> None:
        self.clock.advance(1005)
        store = self.start(evolve(SETTINGS, owner_bytes=3500))
        self.successResultOf(self.save(store, "a"))
        self.successResultOf(store.save_conversation(StoredConversation("k", "me", 1, b"{}")))
        self.successResultOf(store.append_items("me", "k", (StoredItem("i", b"x" * 3000),)))
        self.assertEqual(self.stored(store, "a"), [])
        self.assertEqual(len(self.successResultOf(store.load_conversation_items("me", "k")) or ()), 1)

    def test_a_nearly_full_file_loses_the_oldest_of_who_stores_most(self) -> None:
        store = self.start(evolve(SETTINGS, retention_limit=1000))
        self.successResultOf(self.save(store, "first", "you"))
        for number in range(50):
            self.successResultOf(self.save(store, f"r{number}", size=10_000))
        connection = self.executors[0].connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        self.clock.advance(10)
        left = len(self.stored(store, *(f"r{number}" for number in range(50))))
        self.assertIn(left, (44, 45))
        self.assertIsNotNone(self.successResultOf(store.load_response("you", "first")))


class MetricTests(StoreTestCase):
    def test_stored_responses_and_writes_are_counted(self) -> None:
        store = self.start()
        self.assertEqual(self.metric("responses_stored"), 0)
        before = self.metric("store_writes_total")
        store.save_response(stored_response("a", state="queued"))
        store.save_response(stored_response("a"))
        store.save_response(stored_response("b")).cancel()
        self.assertEqual(self.metric("responses_stored"), 2)
        store.delete_response("me", "a")
        store.delete_response("me", "a")
        self.assertEqual(self.metric("responses_stored"), 1)
        self.assertEqual(self.metric("store_writes_total") - before, 5)
        self.assertEqual(self.metric("store_failures_total"), 0)


class FailureTests(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store = self.start()
        self.connection = self.executors[0].connection

    def fill(self) -> None:
        """Limit the file to its current size."""
        pages = self.connection.execute("PRAGMA page_count").fetchone()[0]
        self.connection.execute(f"PRAGMA max_page_count = {pages}")

    def test_on_a_full_disk_writes_fail_and_reads_work(self) -> None:
        self.successResultOf(self.store.save_response(stored_response("a")))
        self.fill()
        with capturedLogs() as logged:
            failed = self.store.save_response(stored_response("b", body=b"x" * 100_000))
        self.assertEqual(self.fault_kind(failed), "store_failed")
        self.assertEqual([event["why"] for event in logged], ["SQLITE_FULL"] * 2)
        self.assertEqual(self.metric("store_failures_total"), 1)
        self.assertEqual(self.stored(self.store, "a", "b"), ["a"])
        self.assertEqual(self.metric("responses_stored"), 1)

    def test_the_file_size_is_limited(self) -> None:
        store = self.start(evolve(SETTINGS, database_bytes=300_000), str(self.path))
        self.successResultOf(store.save_response(stored_response("a")))
        self.assertEqual(
            self.fault_kind(store.save_response(stored_response("b", body=b"x" * 400_000))), "store_failed"
        )
        self.assertEqual(self.stored(store, "a", "b"), ["a"])
        self.successResultOf(store.stopService())

    def test_a_history_that_is_too_large_is_refused_and_its_response_still_loads(self) -> None:
        store = self.start(evolve(SETTINGS, history_bytes=50))
        build = StoredConversation("k", "me", 1, b"{}")
        self.successResultOf(store.save_conversation(build, items("x")))
        self.successResultOf(store.save_response(stored_response("a")))
        self.successResultOf(store.save_response(stored_response("b", "a")))
        self.assertEqual(self.stored(store, "a", "b"), ["a", "b"])
        self.assertEqual(len(self.successResultOf(store.load_history(HistoryQuery("me", "a"))).history or ()), 2)
        self.assertEqual(
            len(self.successResultOf(store.load_history(HistoryQuery("me", conversation="k"))).history or ()), 1
        )
        self.successResultOf(store.save_conversation(build, items(*"abcdef")))
        for asked in (
            store.load_history(HistoryQuery("me", "b")),
            store.load_history(HistoryQuery("me", conversation="k")),
            store.load_conversation_items("me", "k"),
        ):
            self.assertEqual(self.fault_kind(asked), "history_too_large")
        self.assertEqual(self.metric("store_failures_total"), 0)

    def test_every_call_fails_with_store_failed_and_is_logged_with_the_id_of_its_request(self) -> None:
        self.connection.close()
        build = StoredConversation("k", "me", 1, b"{}")
        store = self.store.for_request("req_1")
        logged = self.enterContext(capturedLogs())
        calls = (
            store.save_response(stored_response("a")),
            store.load_response("me", "a"),
            store.load_stream("me", "a"),
            store.load_history(HistoryQuery("me", "a")),
            store.load_input_items("me", "a"),
            store.delete_response("me", "a"),
            self.store.load_unfinished(),
            store.save_conversation(build, items("x")),
            store.update_conversation(build),
            store.append_items("me", "k", items("x")),
            store.load_conversation("me", "k"),
            store.load_conversation_items("me", "k"),
            store.remove_item("me", "k", "x"),
            store.delete_conversation("me", "k"),
            self.store.prune(1, 1),
        )
        self.assertEqual([self.fault_kind(call) for call in calls], ["store_failed"] * len(calls))
        ids = [event["id"] for event in logged]
        self.assertEqual((ids.count("req_1"), ids.count("")), (len(calls) - 2, 2))

    def test_a_damaged_stream_is_a_failure(self) -> None:
        self.successResultOf(self.store.save_response(stored_response("a"), b"stream"))
        self.connection.execute("UPDATE stream SET body = x'00'")
        self.assertEqual(self.fault_kind(self.store.load_stream("me", "a")), "store_failed")

    def test_cancelled_calls_do_not_affect_others(self) -> None:
        self.executors[0].delay_calls()
        asked = [self.store.save_response(stored_response(id)) for id in "abc"]
        asked[1].cancel()
        pruning = self.store.prune(0, 100)
        pruning.cancel()
        self.executors[0].run_delayed_calls()
        for left in (asked[1], pruning):
            self.failureResultOf(left, CancelledError)
        self.assertEqual(self.stored(self.store, *"abc"), ["a", "b", "c"])
        self.assertEqual(self.metric("responses_stored"), 3)


class ThreadTests(SynchronousTestCase):
    """The store with a real reactor, thread and file."""

    def test_concurrent_saves_survive_a_restart(self) -> None:
        path = str(Path(self.mktemp()).absolute())
        names = [f"r{number}" for number in range(50)]

        async def life(reactor: Any, ask: Callable[[Store, str], "Deferred[Any]"]) -> list[Any]:
            store = Store(Responses(), path, reactor, Metrics(), lambda: 2.0)
            store.startService()
            told = await gatherResults([ask(store, name) for name in names])
            await store.stopService()
            return told

        async def story(reactor: Any) -> list[str]:
            await life(reactor, lambda store, name: store.save_response(stored_response(name)))
            return [stored.id for stored in await life(reactor, lambda store, name: store.load_response("me", name))]

        self.assertEqual(with_reactor(lambda reactor: Deferred.fromCoroutine(story(reactor))), names)
        with sqlite3.connect(path) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchone(), ("ok",))

    def test_a_disk_that_hangs_fails_requests_in_time_and_does_not_hold_up_the_stop(self) -> None:
        path = str(Path(self.mktemp()).absolute())
        hang = threading.Event()
        self.addCleanup(hang.set)

        class HangingExecutor(ThreadExecutor):
            def run(self, work: Any) -> "Deferred[Any]":
                return super().run(lambda database: (hang.wait(20), work(database))[1])

        async def story(reactor: Any) -> list[str]:
            settings = Responses(call_seconds=0.3)
            store = Store(settings, path, reactor, Metrics(), lambda: 2.0, connect=HangingExecutor)
            store.startService()
            begun = reactor.seconds()
            calls = [store.save_response(stored_response("a")), store.load_response("me", "a")]
            kinds = [await call.addErrback(lambda failure: failure.value.fault.kind) for call in calls]
            kinds.append(await store.load_response("me", "a").addErrback(lambda failure: failure.value.fault.kind))
            kinds.append(str(store.problem()))
            await store.stopService()
            assert reactor.seconds() - begun < 5
            return kinds

        kinds = with_reactor(lambda reactor: Deferred.fromCoroutine(story(reactor)))
        self.assertEqual(kinds, ["store_timeout", "store_timeout", "store_busy", "stalled"])
