from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.model import ModelCard
from codexd.settings import Http
from tests.support.in_memory_server import InMemoryServer


class ModelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer()

    def test_models_are_listed(self) -> None:
        response = self.server.request("GET", "/v1/models")
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertEqual(response.json["object"], "list")
        self.assertEqual([model["id"] for model in response.json["data"]], ["gpt-5", "org/m:7b"])

    def test_codex_gets_the_models_in_its_own_form(self) -> None:
        self.server.backend.cards = (ModelCard(id="gpt-5", description='{"slug":"gpt-5"}'),)
        for query, described in (("?client_version=0.163.0", [{"slug": "gpt-5"}]), ("?limit=2", []), ("", [])):
            response = self.server.request("GET", f"/v1/models{query}")
            self.assertEqual([model["id"] for model in response.json["data"]], ["gpt-5"])
            self.assertEqual(response.json["models"], described)

    def test_a_model_is_found_by_a_name_with_slashes_and_colons(self) -> None:
        for path in ("/v1/models/org/m:7b", "/models/org%2Fm%3A7b", "/v1/models/org/m:7b/"):
            self.assertEqual(self.server.request("GET", path).json["id"], "org/m:7b")
        self.assertEqual({record.route for record in self.server.log.records}, {"/v1/models/{id}"})

    def test_an_unknown_model_is_404(self) -> None:
        response = self.server.request("GET", "/v1/models/gpt-9")
        self.assertEqual((response.status, response.error["code"]), (404, "model_not_found"))


class MetricsTests(SynchronousTestCase):
    def test_metrics_are_text_and_need_a_key_if_keys_are_configured(self) -> None:
        response = InMemoryServer().request("GET", "/metrics")
        self.assertIn("text/plain", response.headers["content-type"])
        self.assertIn(b"codexd_requests_running 0.0", response.body)
        self.assertEqual(InMemoryServer(Http(api_keys=("secret",))).request("GET", "/metrics").status, 401)
