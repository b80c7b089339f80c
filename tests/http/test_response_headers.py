from twisted.trial.unittest import SynchronousTestCase

from codexd.http.handlers.probes import ProbeHandlers
from codexd.http.request import Request
from codexd.http.response_headers import set_response_headers
from tests.support.in_memory_server import InMemoryServer


class TestHeading(SynchronousTestCase):
    def headers(self, *ignored: str) -> dict[str, str]:
        """Let the probe have the headers, and give them."""

        def live(handlers: ProbeHandlers, request: Request) -> bytes:
            set_response_headers(request, ignored)
            return request.send(200, b"{}")

        self.server = InMemoryServer()
        self.patch(ProbeHandlers, "live", live)
        return self.server.request("GET", "/livez").headers

    def test_it_says_how_long_it_took_and_which_api_it_is(self) -> None:
        headers = self.headers()
        self.assertEqual((headers["openai-processing-ms"], headers["openai-version"]), ("0", "2020-10-01"))
        self.assertNotIn("x-codexd-ignored", headers)

    def test_what_had_no_effect_is_named_once_there_and_in_the_journal(self) -> None:
        self.assertEqual(self.headers("seed", "stop", "seed")["x-codexd-ignored"], "seed, stop")
        self.assertEqual(self.server.log.records[0].ignored, ("seed", "stop"))
