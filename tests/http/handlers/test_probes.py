from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http
from tests.support.in_memory_server import InMemoryServer, chat


class TestProbes(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(api_keys=("secret",)))

    def probe(self) -> dict[str, tuple[int, object]]:
        """Ask all three, without a key."""
        asked = {path: self.server.request("GET", path) for path in ("/livez", "/readyz", "/healthz")}
        return {path: (response.status, response.json) for path, response in asked.items()}

    def test_a_daemon_that_can_answer_says_so_to_strangers_too(self) -> None:
        self.assertEqual(
            self.probe(),
            {
                "/livez": (200, {"status": "ok"}),
                "/readyz": (200, {"status": "ok"}),
                "/healthz": (200, {"status": "ok", "live": True, "ready": True}),
            },
        )

    def unavailable(self) -> None:
        self.assertEqual(
            self.probe(),
            {
                "/livez": (200, {"status": "ok"}),
                "/readyz": (503, {"status": "unavailable"}),
                "/healthz": (503, {"status": "unavailable", "live": True, "ready": False}),
            },
        )

    def test_without_a_child_it_lives_but_is_not_ready(self) -> None:
        self.server.backend.is_ready = False
        self.unavailable()

    def test_while_it_stops_it_lives_but_is_not_ready(self) -> None:
        connection = self.server.connect()
        connection.request("POST", "/v1/chat/completions", chat(), authorization="Bearer secret")
        self.server.active.drain()
        self.unavailable()

    def test_probes_are_not_cached(self) -> None:
        self.assertEqual(self.server.request("GET", "/readyz").headers["cache-control"], "no-store")

    def test_a_probe_takes_no_post(self) -> None:
        self.assertEqual(self.server.request("POST", "/livez", {}).status, 405)
