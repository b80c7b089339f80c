from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from codexd import __version__
from codexd.neutral.login_state import LoginState
from codexd.settings import ApiKey, Http
from tests.support.in_memory_server import NOW, InMemoryServer, chat


class ProbeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = InMemoryServer(Http(api_keys=("secret",)))

    def probe(self) -> dict[str, tuple[int, object]]:
        """Request all probes without a key."""
        paths = ("/livez", "/readyz", "/healthz", "/health")
        responses = {path: self.server.request("GET", path) for path in paths}
        return {path: (response.status, response.json) for path, response in responses.items()}

    def test_a_ready_daemon_is_ready_without_a_key(self) -> None:
        self.assertEqual(
            self.probe(),
            {
                "/livez": (200, {"status": "ok"}),
                "/readyz": (200, {"status": "ok"}),
                "/healthz": (200, {"status": "ok", "live": True, "ready": True}),
                "/health": (200, {"status": "ok"}),
            },
        )

    def test_only_who_may_read_the_metrics_sees_the_accounts(self) -> None:
        account = LoginState(type="chatgpt", plan="pro", expires_at=NOW + 60)
        self.server.backend.accounts = {"codex": account}
        shown = {"type": "chatgpt", "plan": "pro", "expires_at": NOW + 60, "expires_in_seconds": 60}
        for path in ("/readyz", "/healthz"):
            self.assertNotIn("account", self.server.request("GET", path).json)
            self.assertNotIn("account", self.server.request("GET", path, authorization="Bearer other").json)
            answer = self.server.request("GET", path, authorization="Bearer secret")
            self.assertEqual(answer.json["account"], shown)

    def test_a_named_key_sees_the_accounts_only_if_it_may_read_the_metrics(self) -> None:
        keys = tuple(
            ApiKey(name=name, sha256=sha256(name.encode()).hexdigest(), admin=name == "ops") for name in ("ann", "ops")
        )
        server = InMemoryServer(keys=keys)
        server.backend.accounts = {"codex": LoginState()}
        answers = {
            key: server.request("GET", "/healthz", authorization=f"Bearer {key}").json.get("account")
            for key in ("ann", "ops")
        }
        self.assertEqual(answers, {"ann": None, "ops": "logged out"})

    def test_several_accounts_are_shown_by_the_names_of_their_back_ends(self) -> None:
        server = InMemoryServer()
        server.backend.accounts = {"codex": LoginState(), "work": LoginState(type="apiKey")}
        accounts = server.request("GET", "/readyz").json["accounts"]
        self.assertEqual((accounts["codex"], accounts["work"]["type"]), ("logged out", "apiKey"))

    def test_a_web_page_that_may_not_call_sees_no_account(self) -> None:
        server = InMemoryServer()
        server.backend.accounts = {"codex": LoginState()}
        self.assertIn("account", server.request("GET", "/healthz").json)
        self.assertNotIn("account", server.request("GET", "/healthz", origin="https://evil.example").json)

    def assert_unavailable(self) -> None:
        self.assertEqual(
            self.probe(),
            {
                "/livez": (200, {"status": "ok"}),
                "/readyz": (503, {"status": "unavailable"}),
                "/healthz": (503, {"status": "unavailable", "live": True, "ready": False}),
                "/health": (503, {"status": "unavailable"}),
            },
        )

    def test_a_daemon_without_a_ready_back_end_is_live_but_not_ready(self) -> None:
        self.server.backend.is_ready = False
        self.assert_unavailable()

    def test_a_draining_daemon_is_live_but_not_ready(self) -> None:
        connection = self.server.connect()
        connection.request("POST", "/v1/chat/completions", chat(), authorization="Bearer secret")
        self.server.drain.run()
        self.assert_unavailable()

    def test_a_daemon_whose_store_fails_is_degraded_but_ready(self) -> None:
        self.server.store.degrade("full")
        self.assertEqual(
            self.probe(),
            {
                "/livez": (200, {"status": "ok"}),
                "/readyz": (200, {"status": "degraded"}),
                "/healthz": (200, {"status": "degraded", "live": True, "ready": True, "store": "full"}),
                "/health": (200, {"status": "degraded"}),
            },
        )

    def test_probes_are_not_cached(self) -> None:
        self.assertEqual(self.server.request("GET", "/readyz").headers["cache-control"], "no-store")

    def test_a_post_to_a_probe_is_405(self) -> None:
        self.assertEqual(self.server.request("POST", "/livez", {}).status, 405)


class DiscoveryTests(SynchronousTestCase):
    """What clients request to find out what a server is, without a key and with one."""

    def setUp(self) -> None:
        self.server = InMemoryServer(Http(api_keys=("secret",)))

    def test_the_root_and_the_base_url_say_what_this_is_and_name_no_model(self) -> None:
        for path in ("/", "/v1", "/v1/", "/api", "http://localhost/"):
            response = self.server.request("GET", path)
            self.assertEqual((response.status, response.json["name"]), (200, "codexd"))
            self.assertEqual(response.json["version"], __version__)
            for card in self.server.backend.cards:
                self.assertNotIn(card.id.encode(), response.body)
        self.assertEqual({record.route for record in self.server.log.records}, {"/v1"})

    def test_the_links_of_the_root_exist(self) -> None:
        for path in self.server.request("GET", "/").json["links"].values():
            self.assertEqual(self.server.request("GET", path, authorization="Bearer secret").status, 200, path)

    def test_probes_of_other_servers_are_404_and_say_which_api_this_is(self) -> None:
        for method, path, api in (
            ("GET", "/api/tags", "Ollama's"),
            ("GET", "/v1/api/tags", "Ollama's"),
            ("GET", "/api/version", "Ollama's"),
            ("POST", "/api/show", "Ollama's"),
            ("GET", "/api/ps", "Ollama's"),
            ("POST", "/api/chat", "Ollama's"),
            ("GET", "/props", "llama.cpp's"),
            ("GET", "/v1/props", "llama.cpp's"),
            ("GET", "/api/v0/models", "LM Studio's"),
            ("POST", "/v1/messages", "Anthropic's"),
        ):
            response = self.server.request(method, path)
            self.assertEqual((response.status, response.error["type"]), (404, "invalid_request_error"), path)
            self.assertIn(f"OpenAI's API, not {api}.", response.error["message"])
            self.assertIn("address followed by /v1", response.error["message"])
            head = self.server.request("HEAD", path)
            self.assertEqual((head.status, head.body), (404, b""))

    def test_engines_are_the_models_and_need_a_key(self) -> None:
        self.assertEqual(self.server.request("GET", "/v1/engines").status, 401)
        listed = self.server.request("GET", "/v1/engines", authorization="Bearer secret").json
        self.assertEqual((listed["object"], [one["id"] for one in listed["data"]]), ("list", ["gpt-5", "org/m:7b"]))
        for id in ("gpt-5", "org/m:7b"):
            engine = self.server.request("GET", f"/v1/engines/{id}", authorization="Bearer secret").json
            self.assertEqual((engine["id"], engine["object"], engine["ready"]), (id, "engine", True))
        unknown = self.server.request("GET", "/v1/engines/davinci", authorization="Bearer secret")
        self.assertEqual((unknown.status, unknown.error["code"]), (404, "model_not_found"))

    def test_a_head_of_each_has_the_status_of_its_get(self) -> None:
        for path in ("/", "/v1", "/health", "/v1/engines", "/v1/engines/gpt-5", "/api/tags", "/props"):
            get, head = (self.server.request(method, path, authorization="Bearer secret") for method in ("GET", "HEAD"))
            self.assertEqual((head.status, head.body), (get.status, b""), path)
            self.assertEqual(head.headers["content-length"], get.headers["content-length"])
