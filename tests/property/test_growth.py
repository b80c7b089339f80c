"""What a request costs does not grow with what is kept of others: 10,000 answers, and ten.

Counted, not timed: the calls of the whole front and of the store, and the steps of SQLite's machine.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from attrs import define
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.metrics import Metrics
from codexd.policy.auth import ANONYMOUS
from codexd.settings import Responses
from codexd.store.service import Store
from tests.support.backend import hello
from tests.support.tables import MEMORY, InlineExecutor, answer
from tests.support.web import Web

FEW, MANY = 10, 10_000
FACTOR = 1.2
PATH = "/v1/responses"


@define
class Cost:
    """What something costs, in calls of functions and in steps of SQLite's machine."""

    calls: int = 0
    steps: int = 0

    def call(self, frame: object, event: str, argument: object) -> None:
        self.calls += event in ("call", "c_call")

    def step(self) -> int:
        self.steps += 1
        return 0


class GrowthTests(SynchronousTestCase):
    def test_neither_going_on_nor_looking_costs_more_with_ten_thousand_than_with_ten(self) -> None:
        with kept(FEW) as few, kept(MANY) as many:
            for name, ask in self.asks.items():
                little, much = cost(few, ask), cost(many, ask)
                self.assertLessEqual(much.calls, FACTOR * little.calls, name)
                self.assertLessEqual(much.steps, FACTOR * little.steps, name)
                self.assertGreater(min(little.calls, little.steps), 20, f"{name}: nothing was counted")

    @property
    def asks(self) -> dict[str, Callable[[Web, str], Any]]:
        """Give what is asked of a front where a response of this id is kept."""
        return {
            "going on": lambda web, id: go_on(web, previous_response_id=id),
            "going on in a stream": lambda web, id: go_on(web, previous_response_id=id, stream=True),
            "beginning": lambda web, id: go_on(web),
            "retrieving": lambda web, id: web.ask("GET", f"{PATH}/{id}"),
            "listing": lambda web, id: web.ask("GET", f"{PATH}/{id}/input_items"),
        }


def go_on(web: Web, **fields: Any) -> None:
    """Ask for a response."""
    response = web.ask("POST", PATH, {"model": "gpt-5", "input": "hi", **fields})
    assert response.status == 200, response.body


@contextmanager
def kept(count: int) -> Iterator[tuple[Web, InlineExecutor]]:
    """Run a front whose store keeps so many answers: lines of ten, all of one key."""
    directory = tempfile.mkdtemp(dir=MEMORY)
    executors: list[InlineExecutor] = []

    def connect(*how: Any) -> InlineExecutor:
        executors.append(InlineExecutor(*how))
        return executors[0]

    path = str(Path(directory, "kept.sqlite3"))
    store = Store(Responses(keep_seconds=1e12), path, Clock(), Metrics(), connect=connect)
    store.startService()
    for number in range(count):
        before = f"r{number - 1}" if number % 10 else None
        store.keep(answer(f"r{number}", before, owner=ANONYMOUS.id))
    web = Web(store=store)
    web.backend.at_once = hello()
    yield web, executors[0]
    store.stopService()
    rmtree(directory)


def cost(kept: tuple[Web, InlineExecutor], ask: Callable[[Web, str], Any]) -> Cost:
    """Count what it costs to ask, once all that is made only once is made."""
    web, executor = kept
    first: str = web.ask("POST", PATH, {"model": "gpt-5", "input": "hi"}).json["id"]
    ask(web, first)
    counted = Cost()
    executor.connection.set_progress_handler(counted.step, 1)
    sys.setprofile(counted.call)
    try:
        ask(web, first)
    finally:
        sys.setprofile(None)
        executor.connection.set_progress_handler(None, 0)
    return counted
