"""The cost of continuing a response; `test_contract` tests the results."""

import sqlite3

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.stored import HistoryQuery, StoredConversation
from codexd.store import conversations, history, pruning, response_writes, responses
from tests.support.inline_executor import items, open_database, stored_response

# The only query that may scan a table, and the indexes that may be scanned in order.
ORDERED = ("response_age", "response_unfinished", "conversation_age")


def fill_store(responses_total: int) -> sqlite3.Connection:
    """Return a store with responses of several owners: chains of three, a conversation every tenth."""
    connection = open_database()
    connection.execute("BEGIN")
    for number in range(responses_total):
        owner = f"owner{number % 7}"
        previous = f"r{number - 7}" if number % 21 >= 7 else None
        response_writes.save_response(
            connection, stored_response(f"r{number}", previous, owner=owner, created=number), b"", 1.0
        )
        if number % 10 == 0:
            made = StoredConversation(f"k{number}", owner, number, b"{}")
            conversations.save_conversation(connection, made, items(f"x{number}", "shared"), 1.0)
    connection.execute("COMMIT")
    return connection


class CostTests(SynchronousTestCase):
    def steps(self, connection: sqlite3.Connection) -> int:
        """Count the SQLite instructions of one request that continues a response."""
        counted = [0]

        def step() -> None:
            counted[0] += 1

        connection.set_progress_handler(step, 1)
        wanted = HistoryQuery("owner0", "r7", references=("in_r0", "shared"))
        loaded = history.load_history(connection, wanted, 5.0)
        response_writes.save_response(connection, stored_response("new", "r7", owner="owner0"), b"", 2.0)
        shown = responses.load_response(connection, "owner0", "new")
        connection.set_progress_handler(None, 1)
        self.assertEqual([item.id for item in loaded.history], ["in_r0", "out_r0", "in_r7", "out_r7"])
        self.assertEqual(list(loaded.items), ["in_r0", "shared"])
        self.assertEqual(shown.previous, "r7")
        return counted[0]

    def test_continuing_a_response_costs_the_same_with_10_and_10000_responses(self) -> None:
        few, many = (self.steps(fill_store(number)) for number in (10, 10_000))
        self.assertGreater(few, 100)
        self.assertLessEqual(many, 1.2 * few)

    def test_no_query_scans_a_table(self) -> None:
        connection = fill_store(20)
        seen: list[str] = []
        connection.set_trace_callback(seen.append)
        run_all_calls(connection)
        connection.set_trace_callback(None)
        plans = {query: explain(connection, query) for query in seen if query.lstrip()[:6] in PLANNED}
        self.assertGreater(len(plans), 25)
        scans = {query: steps for query, steps in plans.items() if any(map(is_full_scan, steps))}
        self.assertEqual(scans, {})


PLANNED = ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH R")


def run_all_calls(connection: sqlite3.Connection) -> None:
    """Run every query of the store."""
    connection.execute("BEGIN")
    response_writes.save_response(connection, stored_response("a", "r7", owner="owner0"), b"stream", 2.0)
    response_writes.save_response(
        connection, stored_response("b", owner="owner0", conversation="k0", state="running"), b"", 2.0
    )
    response_writes.save_response(connection, stored_response("b", owner="owner0", conversation="k0"), b"", 2.0)
    for wanted in (HistoryQuery("owner0", "a"), HistoryQuery("owner0", "b", references=("x",))):
        history.load_history(connection, wanted, 5.0)
    history.load_history(connection, HistoryQuery("owner0", conversation="k0"), 5.0)
    history.load_input_items(connection, "owner0", "a")
    responses.load_response(connection, "owner0", "a")
    responses.load_stream(connection, "owner0", "a")
    responses.load_unfinished(connection)
    conversations.save_conversation(connection, StoredConversation("k0", "owner0", 1, b"{}"), items("y"), 3.0)
    conversations.update_conversation(connection, StoredConversation("k0", "owner0", 1, b"{}"))
    conversations.append_items(connection, "owner0", "k0", items("z"), 3.0)
    conversations.load_conversation(connection, "owner0", "k0")
    history.load_conversation_items(connection, "owner0", "k0")
    conversations.remove_item(connection, "owner0", "k0", "y", 3.0)
    responses.delete_response(connection, "owner0", "r7")
    conversations.delete_conversation(connection, "owner0", "k0")
    pruning.prune(connection, 15, 3, 100.0)
    pruning.prune_bytes(connection, 10, lambda _: 5)
    connection.execute("COMMIT")


def explain(connection: sqlite3.Connection, query: str) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]


def is_full_scan(step: str) -> bool:
    """Return whether a step of a query plan scans a table without an index."""
    words = step.split()
    kept = words[0] == "SCAN" and words[1] in ("response", "conversation", "item", "stream", "child")
    return kept and words[-1] not in ORDERED
