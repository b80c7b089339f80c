from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http
from tests.support.in_memory_server import InMemoryServer, chat


class ProbeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(api_keys=("secret",)))

    def probe(self) -> dict[str, tuple[int, object]]:
        """Request all three probes without a key."""
        responses = {path: self.server.request("GET", path) for path in ("/livez", "/readyz", "/healthz")}
        return {path: (response.status, response.json) for path, response in responses.items()}

    def test_a_ready_daemon_is_ready_without_a_key(self) -> None:
        self.assertEqual(
            self.probe(),
            {
                "/livez": (200, {"status": "ok"}),
                "/readyz": (200, {"status": "ok"}),
                "/healthz": (200, {"status": "ok", "live": True, "ready": True}),
            },
        )

    def assert_unavailable(self) -> None:
        self.assertEqual(
            self.probe(),
            {
                "/livez": (200, {"status": "ok"}),
                "/readyz": (503, {"status": "unavailable"}),
                "/healthz": (503, {"status": "unavailable", "live": True, "ready": False}),
            },
        )

    def test_a_daemon_without_a_ready_back_end_is_live_but_not_ready(self) -> None:
        self.server.backend.is_ready = False
        self.assert_unavailable()

    def test_a_draining_daemon_is_live_but_not_ready(self) -> None:
        connection = self.server.connect()
        connection.request("POST", "/v1/chat/completions", chat(), authorization="Bearer secret")
        self.server.active.drain()
        self.assert_unavailable()

    def test_probes_are_not_cached(self) -> None:
        self.assertEqual(self.server.request("GET", "/readyz").headers["cache-control"], "no-store")

    def test_a_post_to_a_probe_is_405(self) -> None:
        self.assertEqual(self.server.request("POST", "/livez", {}).status, 405)
