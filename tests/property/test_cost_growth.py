"""The cost of a request does not depend on the number of stored responses: 10,000 cost as much as ten.

The cost is counted, not timed: Python calls of server and store, and steps of SQLite's virtual machine.
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
from tests.support.fake_backend import text_answer
from tests.support.in_memory_server import InMemoryServer
from tests.support.inline_executor import MEMORY_FOLDER, InlineExecutor, stored_response

FEW, MANY = 10, 10_000
MAX_FACTOR = 1.2
PATH = "/v1/responses"


@define
class Cost:
    """Counts of Python calls and of steps of SQLite's virtual machine."""

    calls: int = 0
    steps: int = 0

    def call(self, frame: object, event: str, argument: object) -> None:
        self.calls += event in ("call", "c_call")

    def step(self) -> int:
        self.steps += 1
        return 0


class CostGrowthTests(SynchronousTestCase):
    def test_requests_cost_the_same_with_ten_thousand_stored_responses_as_with_ten(self) -> None:
        with filled_server(FEW) as few, filled_server(MANY) as many:
            for name, send in self.requests.items():
                little, much = cost(few, send), cost(many, send)
                self.assertLessEqual(much.calls, MAX_FACTOR * little.calls, name)
                self.assertLessEqual(much.steps, MAX_FACTOR * little.steps, name)
                self.assertGreater(min(little.calls, little.steps), 20, f"{name}: no cost was counted")

    @property
    def requests(self) -> dict[str, Callable[[InMemoryServer, str], Any]]:
        """The measured requests, by name; each is given a server and the id of a stored response."""
        return {
            "continuing": lambda server, id: create_response(server, previous_response_id=id),
            "continuing, streamed": lambda server, id: create_response(server, previous_response_id=id, stream=True),
            "starting": lambda server, id: create_response(server),
            "retrieving": lambda server, id: server.request("GET", f"{PATH}/{id}"),
            "listing": lambda server, id: server.request("GET", f"{PATH}/{id}/input_items"),
        }


def create_response(server: InMemoryServer, **fields: Any) -> None:
    """Create a response."""
    response = server.request("POST", PATH, {"model": "gpt-5", "input": "hi", **fields})
    assert response.status == 200, response.body


@contextmanager
def filled_server(count: int) -> Iterator[tuple[InMemoryServer, InlineExecutor]]:
    """Run a server with this many stored responses of one client, in chains of ten."""
    directory = tempfile.mkdtemp(dir=MEMORY_FOLDER)
    executors: list[InlineExecutor] = []

    def connect(*how: Any) -> InlineExecutor:
        executors.append(InlineExecutor(*how))
        return executors[0]

    path = str(Path(directory, "responses.sqlite3"))
    store = Store(Responses(retention_seconds=1e12), path, Clock(), Metrics(), connect=connect)
    store.startService()
    for number in range(count):
        before = f"r{number - 1}" if number % 10 else None
        store.save_response(stored_response(f"r{number}", before, owner=ANONYMOUS.id))
    server = InMemoryServer(store=store)
    server.backend.immediate_events = text_answer()
    yield server, executors[0]
    store.stopService()
    rmtree(directory)


def cost(filled: tuple[InMemoryServer, InlineExecutor], send: Callable[[InMemoryServer, str], Any]) -> Cost:
    """Count the cost of a request, after a first one has filled the caches."""
    server, executor = filled
    first: str = server.request("POST", PATH, {"model": "gpt-5", "input": "hi"}).json["id"]
    send(server, first)
    counted = Cost()
    executor.connection.set_progress_handler(counted.step, 1)
    sys.setprofile(counted.call)
    try:
        send(server, first)
    finally:
        sys.setprofile(None)
        executor.connection.set_progress_handler(None, 0)
    return counted
