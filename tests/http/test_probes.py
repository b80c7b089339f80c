from twisted.trial.unittest import SynchronousTestCase

from codexd.settings import Http
from tests.support.web import Web, chat


class TestProbes(SynchronousTestCase):
    def setUp(self) -> None:
        self.web = Web(Http(api_keys=("secret",)))

    def probe(self) -> dict[str, tuple[int, object]]:
        """Ask all three, without a key."""
        asked = {path: self.web.ask("GET", path) for path in ("/livez", "/readyz", "/healthz")}
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
        self.web.backend.is_ready = False
        self.unavailable()

    def test_while_it_stops_it_lives_but_is_not_ready(self) -> None:
        connection = self.web.connect()
        connection.ask("POST", "/v1/chat/completions", chat(), authorization="Bearer secret")
        self.web.doorman.close()
        self.unavailable()

    def test_probes_are_not_cached(self) -> None:
        self.assertEqual(self.web.ask("GET", "/readyz").headers["cache-control"], "no-store")

    def test_a_probe_takes_no_post(self) -> None:
        self.assertEqual(self.web.ask("POST", "/livez", {}).status, 405)
