from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.dialect import Dialect
from codexd.fronts.openai import OPENAI
from codexd.http.handlers.probes import ProbeHandlers
from codexd.http.request import Request
from codexd.http.response_headers import set_response_headers
from tests.support.in_memory_server import InMemoryServer


class ResponseHeaderTests(SynchronousTestCase):
    def headers(self, *ignored: str, dialect: Dialect = OPENAI) -> dict[str, str]:
        """Return the headers of a probe that sets the response headers."""

        def live(handlers: ProbeHandlers, request: Request) -> bytes:
            request.dialect = dialect
            set_response_headers(request, ignored)
            return request.send(200, b"{}")

        self.server = InMemoryServer()
        self.patch(ProbeHandlers, "live", live)
        return self.server.request("GET", "/livez").headers

    def test_the_processing_time_and_the_api_version_are_sent(self) -> None:
        headers = self.headers()
        self.assertEqual((headers["openai-processing-ms"], headers["openai-version"]), ("0", "2020-10-01"))
        self.assertNotIn("x-codexd-ignored", headers)

    def test_the_processing_time_is_a_header_of_the_dialect(self) -> None:
        headers = self.headers(dialect=evolve(OPENAI, duration_header=b"x-ms"))
        self.assertEqual((headers["x-ms"], headers.get("openai-processing-ms")), ("0", None))
        self.assertNotIn("openai-processing-ms", self.headers(dialect=evolve(OPENAI, duration_header=b"")))

    def test_ignored_fields_are_listed_once_in_the_header_and_in_the_request_log(self) -> None:
        self.assertEqual(self.headers("seed", "stop", "seed")["x-codexd-ignored"], "seed, stop")
        self.assertEqual(self.server.log.records[0].ignored, ("seed", "stop"))
