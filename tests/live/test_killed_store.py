"""What a client was told is kept, whenever the daemon is killed: over HTTP, in the middle of many answers."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from shutil import rmtree

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.metrics import Metrics
from codexd.store.service import Store
from codexd.wire.json import Json
from tests.support.mortal import PATH, Client, Mortal, kept_in, kill_while_asked
from tests.support.responses_stream import TERMINAL
from tests.support.tables import MEMORY, InlineExecutor, opened
from tests.support.web import Response, Web

KILLS = 100
SEED = 1
LONGEST_LIFE_BYTES = 120_000


class KilledDaemonTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.mkdtemp(dir=MEMORY)
        self.addCleanup(rmtree, directory)
        self.path = f"{directory}/kept.sqlite3"
        self.acknowledged: dict[str, Json] = {}

    def test_no_acknowledged_response_is_lost(self) -> None:
        chance = random.Random(SEED)
        for life in range(KILLS):
            with another(self.path) as web:
                room = web.ask("POST", "/v1/conversations", {}).json["id"]
            clients = self.live_and_die(life, room, chance.randrange(LONGEST_LIFE_BYTES))
            with another(self.path) as web:
                told = [self.see_that_it_is_kept(web, answer) for one in clients for answer in one.told]
                self.see_that_all_are_in(web, room, told)
        with another(self.path) as web:
            for id, shown in self.acknowledged.items():
                self.assertEqual(web.ask("GET", f"{PATH}/{id}").json, shown)
        with closing(opened(self.path)) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.assertGreater(len(self.acknowledged), 10 * KILLS)

    def live_and_die(self, life: int, room: str, after_bytes: int) -> list[Client]:
        """Run a daemon, ask it in every way at once, and kill it."""
        daemon = Mortal(self.path)
        clients = [
            Client(daemon.port, f"{life} whole", {}),
            Client(daemon.port, f"{life} streamed", {"stream": True}),
            Client(daemon.port, f"{life} followed", {"stream": True, "background": True}),
            Client(daemon.port, f"{life} left", {"background": True}, in_line=False),
            Client(daemon.port, f"{life} in a room", {"conversation": room}, in_line=False),
        ]
        kill_while_asked(daemon, clients, after_bytes)
        return clients

    def see_that_it_is_kept(self, web: Web, answer: Response) -> Json | None:
        """Hold what is shown after the end against what was told before it; give that."""
        told = last_told(answer)
        if told is None:
            return None
        self.acknowledged[told["id"]] = shown = web.ask("GET", f"{PATH}/{told['id']}").json
        if told["status"] == "completed":
            self.assertEqual(shown, told)
        else:
            self.assertIn(shown["status"], ("completed", "failed"))
        if told["background"] and shown["status"] == "completed" and not answer.body.startswith(b"{"):
            stream = web.ask("GET", f"{PATH}/{told['id']}?stream=true").body
            self.assertTrue(stream.startswith(answer.body))
        return told

    def see_that_all_are_in(self, web: Web, room: str, told: list[Json | None]) -> None:
        """See that every answer that was given in a conversation is among its items."""
        said = {one["output"][0]["id"] for one in told if one is not None and one["conversation"]}
        path: str | None = f"/v1/conversations/{room}/items?limit=100"
        while path is not None:
            page = web.ask("GET", path).json
            said -= {item["id"] for item in page["data"]}
            path = f"{path.partition('&')[0]}&after={page['last_id']}" if page["has_more"] else None
        self.assertEqual(said, set())


def last_told(answer: Response) -> Json | None:
    """Give the response as the client knows it; None for one of which it was told nothing that counts.

    Of a stream in the foreground that is its end; in the background all that is told is kept.
    """
    if "json" in answer.headers["content-type"]:
        return answer.json if answer.whole else None
    whole, end, _ = answer.body.rpartition(b"\n\n")
    events = [event for event in Response(200, "", {}, whole + end).events if event and "response" in event]
    if not events or not (events[-1]["type"] in TERMINAL or events[-1]["response"]["background"]):
        return None
    return events[-1]["response"]


@contextmanager
def another(path: str) -> Iterator[Web]:
    """Run another daemon on the same file."""
    store = Store(kept_in(path), path, Clock(), Metrics(), connect=InlineExecutor)
    store.startService()
    yield Web(store=store)
    store.stopService()
