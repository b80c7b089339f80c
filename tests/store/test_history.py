"""What going on from an answer costs; what it gives is in `test_contract`."""

import sqlite3

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.kept import KeptConversation, Wanted
from codexd.store import answers, conversations, history, keeping, pruning
from tests.support.tables import answer, items, opened

# What may look at all there is: how many answers there are, and how far pages can be given back.
COUNTED = "SELECT count(*) FROM response WHERE gone = 0"
ORDERED = ("response_age", "response_unfinished", "conversation_age")


def filled(answers: int) -> sqlite3.Connection:
    """Give a store with as many answers of several owners: chains of three, and a conversation each ten."""
    connection = opened()
    connection.execute("BEGIN")
    for number in range(answers):
        owner = f"owner{number % 7}"
        previous = f"r{number - 7}" if number % 21 >= 7 else None
        keeping.keep(connection, answer(f"r{number}", previous, owner=owner, created=number), b"", 1.0)
        if number % 10 == 0:
            made = KeptConversation(f"k{number}", owner, number, b"{}")
            conversations.converse(connection, made, items(f"x{number}", "shared"), 1.0)
    connection.execute("COMMIT")
    return connection


class CostTests(SynchronousTestCase):
    def steps(self, connection: sqlite3.Connection) -> int:
        """Count the instructions of SQLite's machine that one continued request takes."""
        counted = [0]

        def step() -> None:
            counted[0] += 1

        connection.set_progress_handler(step, 1)
        wanted = Wanted("owner0", "r7", references=("in_r0", "shared"))
        recalled = history.recall(connection, wanted, 5.0)
        keeping.keep(connection, answer("new", "r7", owner="owner0"), b"", 2.0)
        shown = answers.response(connection, "owner0", "new")
        connection.set_progress_handler(None, 1)
        self.assertEqual([item.id for item in recalled.history], ["in_r0", "out_r0", "in_r7", "out_r7"])
        self.assertEqual(list(recalled.items), ["in_r0", "shared"])
        self.assertEqual(shown.previous, "r7")
        return counted[0]

    def test_with_10000_answers_going_on_costs_what_it_costs_with_10(self) -> None:
        few, many = (self.steps(filled(number)) for number in (10, 10_000))
        self.assertGreater(few, 100)
        self.assertLessEqual(many, 1.2 * few)

    def test_nothing_is_looked_for_by_looking_at_everything(self) -> None:
        connection = filled(20)
        seen: list[str] = []
        connection.set_trace_callback(seen.append)
        everything(connection)
        connection.set_trace_callback(None)
        plans = {query: plan(connection, query) for query in seen if query.lstrip()[:6] in PLANNED}
        self.assertGreater(len(plans), 25)
        scans = {query: steps for query, steps in plans.items() if any(map(scanning, steps))}
        self.assertEqual(set(scans), {COUNTED})


PLANNED = ("SELECT", "UPDATE", "DELETE", "INSERT", "WITH R")


def everything(connection: sqlite3.Connection) -> None:
    """Ask all that may be asked."""
    connection.execute("BEGIN")
    keeping.keep(connection, answer("a", "r7", owner="owner0"), b"stream", 2.0)
    keeping.keep(connection, answer("b", owner="owner0", conversation="k0", standing="running"), b"", 2.0)
    keeping.keep(connection, answer("b", owner="owner0", conversation="k0"), b"", 2.0)
    for wanted in (Wanted("owner0", "a"), Wanted("owner0", "b", references=("x",))):
        history.recall(connection, wanted, 5.0)
    history.recall(connection, Wanted("owner0", conversation="k0"), 5.0)
    history.input_items(connection, "owner0", "a")
    answers.response(connection, "owner0", "a")
    answers.frames(connection, "owner0", "a")
    answers.unfinished(connection)
    conversations.converse(connection, KeptConversation("k0", "owner0", 1, b"{}"), items("y"), 3.0)
    conversations.amend(connection, KeptConversation("k0", "owner0", 1, b"{}"))
    conversations.extend(connection, "owner0", "k0", items("z"), 3.0)
    conversations.conversation(connection, "owner0", "k0")
    history.conversation_items(connection, "owner0", "k0")
    conversations.take_out(connection, "owner0", "k0", "y", 3.0)
    answers.delete(connection, "owner0", "r7")
    conversations.end_conversation(connection, "owner0", "k0")
    pruning.prune(connection, 15, 3, 100.0)
    connection.execute("COMMIT")


def plan(connection: sqlite3.Connection, query: str) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]


def scanning(step: str) -> bool:
    """Tell whether a step of a plan looks at all rows of a table, other than in an order it wants."""
    words = step.split()
    kept = words[0] == "SCAN" and words[1] in ("response", "conversation", "item", "frames", "child")
    return kept and words[-1] not in ORDERED
