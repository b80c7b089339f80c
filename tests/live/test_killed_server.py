"""Every acknowledged response is stored, whenever the server is killed under load."""

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
from tests.support.forked_server import PATH, ForkedServer, StreamClient, kill_under_load, store_settings
from tests.support.in_memory_server import InMemoryServer, Response
from tests.support.inline_executor import MEMORY_FOLDER, InlineExecutor, open_database
from tests.support.responses_stream import TERMINAL

KILLS = 100
SEED = 1
MAX_BYTES_BEFORE_KILL = 120_000


class KilledServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = tempfile.mkdtemp(dir=MEMORY_FOLDER)
        self.addCleanup(rmtree, directory)
        self.path = f"{directory}/kept.sqlite3"
        self.acknowledged: dict[str, Json] = {}

    def test_no_acknowledged_response_is_lost(self) -> None:
        chance = random.Random(SEED)
        for life in range(KILLS):
            with restarted_server(self.path) as server:
                conversation = server.request("POST", "/v1/conversations", {}).json["id"]
            clients = self.run_and_kill(life, conversation, chance.randrange(MAX_BYTES_BEFORE_KILL))
            with restarted_server(self.path) as server:
                reply = [self.check_stored(server, answer) for client in clients for answer in client.responses]
                self.check_conversation(server, conversation, reply)
        with restarted_server(self.path) as server:
            for id, shown in self.acknowledged.items():
                self.assertEqual(server.request("GET", f"{PATH}/{id}").json, shown)
        with closing(open_database(self.path)) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.assertGreater(len(self.acknowledged), 10 * KILLS)

    def run_and_kill(self, life: int, conversation: str, after_bytes: int) -> list[StreamClient]:
        """Run a server with every kind of client, and kill it."""
        daemon = ForkedServer(self.path)
        clients = [
            StreamClient(port=daemon.port, name=f"{life} whole", fields={}),
            StreamClient(port=daemon.port, name=f"{life} streamed", fields={"stream": True}),
            StreamClient(port=daemon.port, name=f"{life} followed", fields={"stream": True, "background": True}),
            StreamClient(port=daemon.port, name=f"{life} left", fields={"background": True}, chained=False),
            StreamClient(
                port=daemon.port, name=f"{life} in a conversation", fields={"conversation": conversation}, chained=False
            ),
        ]
        kill_under_load(daemon, clients, after_bytes)
        return clients

    def check_stored(self, server: InMemoryServer, answer: Response) -> Json | None:
        """Check the stored response against the acknowledged one, and return the latter."""
        reply = acknowledged_response(answer)
        if reply is None:
            return None
        self.acknowledged[reply["id"]] = shown = server.request("GET", f"{PATH}/{reply['id']}").json
        if reply["status"] == "completed":
            self.assertEqual(shown, reply)
        else:
            self.assertIn(shown["status"], ("completed", "failed"))
        if reply["background"] and shown["status"] == "completed" and not answer.body.startswith(b"{"):
            stream = server.request("GET", f"{PATH}/{reply['id']}?stream=true").body
            self.assertTrue(stream.startswith(answer.body))
        return reply

    def check_conversation(self, server: InMemoryServer, conversation: str, reply: list[Json | None]) -> None:
        """Check that every acknowledged response of the conversation is among its items."""
        said = {one["output"][0]["id"] for one in reply if one is not None and one["conversation"]}
        path: str | None = f"/v1/conversations/{conversation}/items?limit=100"
        while path is not None:
            page = server.request("GET", path).json
            said -= {item["id"] for item in page["data"]}
            path = f"{path.partition('&')[0]}&after={page['last_id']}" if page["has_more"] else None
        self.assertEqual(said, set())


def acknowledged_response(answer: Response) -> Json | None:
    """Return the response that the client has received, if the server must have stored it.

    A foreground stream is stored when its end is sent; of a background stream everything sent is stored.
    """
    if "json" in answer.headers["content-type"]:
        return answer.json if answer.whole else None
    whole, end, _ = answer.body.rpartition(b"\n\n")
    events = [
        event
        for event in Response(status=200, reason="", headers={}, body=whole + end).events
        if event and "response" in event
    ]
    if not events or not (events[-1]["type"] in TERMINAL or events[-1]["response"]["background"]):
        return None
    return events[-1]["response"]


@contextmanager
def restarted_server(path: str) -> Iterator[InMemoryServer]:
    """Run an in-memory server on the same database."""
    store = Store(store_settings(path), path, Clock(), Metrics(), connect=InlineExecutor)
    store.startService()
    yield InMemoryServer(store=store)
    store.stopService()
