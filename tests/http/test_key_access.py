"""Tests of the policies of API keys through the whole HTTP server."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.event import Usage
from codexd.neutral.fault import fault
from codexd.policy.key_meter import KeyMeter
from codexd.settings import ApiKey, Http, ModelAlias, Models
from codexd.wire import json
from tests.support.fake_backend import BEGINNING, MODEL_FAILED, USAGE, text_answer
from tests.support.http_cases import CHAT, RESPONSES
from tests.support.in_memory_server import Connection, InMemoryServer, Response, chat

DOORS = (CHAT, "/v1/completions", RESPONSES)
BODIES: dict[str, dict[str, Any]] = {
    CHAT: chat(),
    "/v1/completions": {"model": "gpt-5", "prompt": "hi"},
    RESPONSES: {"model": "gpt-5", "input": "hi", "store": False},
}
UPSTREAM_FAILED = fault("unreachable")


def key(name: str, **fields: Any) -> ApiKey:
    return ApiKey(name=name, sha256=sha256(f"sk-{name}".encode()).hexdigest(), **fields)


class KeyCase(SynchronousTestCase):
    def serve(self, *keys: ApiKey, http: Http = Http(), models: Models = Models()) -> InMemoryServer:  # noqa: B008
        self.server = InMemoryServer(http, keys=keys, models=models)
        self.server.front.meters.load(())
        return self.server

    def meter(self, name: str = "alice") -> KeyMeter:
        meter = self.server.front.meters.find(name)
        assert meter is not None
        return meter

    def spent(self, name: str = "alice") -> int:
        return self.meter(name).budgets[0].spent

    def request(self, method: str, path: str, body: Any = None, name: str = "alice", **headers: str) -> Response:
        return self.server.request(method, path, body, authorization=f"Bearer sk-{name}", **headers)

    def send(self, path: str = CHAT, body: Any = None, name: str = "alice", **fields: Any) -> Connection:
        """Send a request for an answer, and return its connection."""
        connection = self.server.connect()
        body = body or BODIES[path] | fields
        connection.request("POST", path, body, authorization=f"Bearer sk-{name}")
        return connection

    def answer(self, usage: Usage = USAGE) -> None:
        """Complete the turn that was begun last."""
        *events, _, end = text_answer()
        self.server.backend.turns[-1].emit(*events, e.UsageReported(usage), end)


class AuthenticationTests(KeyCase):
    def test_the_principal_is_the_name(self) -> None:
        self.serve(key("alice"))
        self.send()
        self.answer()
        self.assertEqual(self.server.backend.turns[0].turn.principal, "alice")
        self.assertEqual(self.server.log.records[0].principal, "alice")

    def test_with_a_named_key_every_request_needs_one(self) -> None:
        self.serve(key("alice"))
        self.assertEqual(self.server.request("GET", "/v1/models").status, 401)
        self.assertEqual(self.server.metric("codexd_authentication_failed_total"), 1)

    def test_an_expired_key_is_401_with_the_reason(self) -> None:
        self.serve(key("alice", expires=datetime.fromtimestamp(1_700_000_010, UTC)))
        self.assertEqual(self.request("GET", "/v1/models").status, 200)
        self.server.clock.advance(10)
        response = self.request("GET", "/v1/models")
        self.assertEqual((response.status, response.error["code"]), (401, "invalid_api_key"))
        self.assertIn("'alice' has expired at 2023-11-14T22:13:30Z", response.error["message"])

    def test_unknown_urls_and_methods_are_401_without_a_key(self) -> None:
        self.serve(key("alice"))
        for method, path, with_key in (
            ("GET", "/v1/nothing", 404),
            ("POST", "/", 405),
            ("DELETE", CHAT, 405),
            ("GET", "/admin/nothing", 404),
        ):
            self.assertEqual(self.request(method, path).status, with_key, path)
            expected = 405 if path == "/" else 401
            self.assertEqual(self.server.request(method, path).status, expected, path)
        self.assertEqual(self.server.request("GET", "/api/tags").status, 404)

    def test_nothing_of_an_unknown_caller_stays(self) -> None:
        self.serve(key("alice"))
        before = self.server.metrics.render()
        for number in range(20):
            self.assertEqual(self.server.request("POST", CHAT, chat(), x_api_key=f"sk-{number}").status, 401)
        self.assertEqual(len(list(self.server.front.meters)), 1)
        after = self.server.metrics.render()
        self.assertLess(len(after.splitlines()) - len(before.splitlines()), 40)
        self.assertNotIn(b"sk-1", after)


class PermissionTests(KeyCase):
    def test_only_the_endpoints_of_the_key_are_open(self) -> None:
        self.serve(key("alice", endpoints=("models", "responses")), key("bob"), key("root", admin=True))
        for method, path, families in (
            ("POST", CHAT, "chat"),
            ("POST", "/v1/chat/completions/", "chat"),
            ("POST", "//v1//chat/completions", "chat"),
            ("POST", "/chat/completions", "chat"),
            ("POST", "/api/v1/v1/chat/completions", "chat"),
            ("POST", "/v1/embeddings", "embeddings"),
            ("POST", "/v1/images/edits", "images"),
            ("GET", "/metrics", "metrics"),
        ):
            response = self.request(method, path, {} if method == "POST" else None)
            self.assertEqual((response.status, response.error["code"]), (403, "insufficient_permissions"), path)
            self.assertIn(f"'{families}'", response.error["message"])
        for path in ("/v1/models", "/v1/engines", "/v1/conversations/conv_1", "/v1/responses/resp_1/input_items"):
            self.assertNotEqual(self.request("GET", path).status, 403, path)
        self.assertEqual(self.server.backend.turns, [])
        self.assertEqual([self.request("GET", "/metrics", name=name).status for name in ("bob", "root")], [403, 200])
        self.assertEqual(self.server.metric("codexd_key_refusals_total", key="alice", reason="endpoint"), 8)

    def test_a_model_that_is_not_open_is_403_and_not_listed(self) -> None:
        self.serve(key("alice", models=("org/*",)))
        for path in DOORS:
            for stream in (False, True):
                response = self.request("POST", path, BODIES[path] | {"stream": stream})
                self.assertEqual((response.status, response.error["param"]), (403, "model"), path)
        for path, field in (("/v1/embeddings", "input"), ("/v1/moderations", "input")):
            self.assertEqual(self.request("POST", path, {"model": "gpt-5", field: "x"}).status, 403, path)
        self.assertEqual(self.request("POST", "/v1/moderations", {"input": "x"}).status, 403)
        self.assertEqual([card["id"] for card in self.request("GET", "/v1/models").json["data"]], ["org/m:7b"])
        self.assertEqual(self.request("GET", "/v1/models/gpt-5").status, 404)
        self.assertEqual(self.request("GET", "/v1/engines/gpt-5").status, 404)
        self.assertEqual(self.request("GET", "/v1/models/org/m:7b").status, 200)
        self.assertEqual(self.server.backend.turns, [])
        self.assertEqual((self.server.backend.embedding, self.server.backend.forwarded), ([], []))

    def test_agents_are_closed_by_default_where_keys_are_configured(self) -> None:
        models = Models(alias=(ModelAlias(name="gpt-5", profile="agent", workspace="/w"),))
        self.serve(key("alice"), key("bob", agent=True), http=Http(api_keys=("sk-old",)), models=models)
        self.assertEqual(self.request("POST", CHAT, chat()).status, 403)
        self.assertEqual(self.request("POST", CHAT, chat(), name="old").status, 403)
        self.assertNotIn("gpt-5", str(self.request("GET", "/v1/models", name="old").json))
        self.send(name="bob")
        self.assertEqual(len(self.server.backend.turns), 1)
        opened = InMemoryServer(models=models)
        opened.connect().request("POST", CHAT, chat())
        self.assertEqual(len(opened.backend.turns), 1)

    def test_the_output_mode_is_that_of_the_key(self) -> None:
        self.serve(key("alice", output_mode="obsidian-xml"), key("bob"))
        for name, as_text in (("alice", True), ("bob", False)):
            self.send(name=name)
            self.assertEqual(self.server.backend.turns[-1].turn.calls_as_text, as_text)


class RequestLimitTests(KeyCase):
    def test_requests_beyond_the_limit_are_429_until_there_is_room(self) -> None:
        self.serve(key("alice", requests_per_minute=2), key("bob", requests_per_minute=2))
        for _ in range(2):
            self.send()
        response = self.request("POST", CHAT, chat())
        self.assertEqual((response.status, response.error["type"]), (429, "requests"))
        self.assertEqual(response.error["code"], "rate_limit_exceeded")
        headers = {name: value for name, value in response.headers.items() if name.startswith("x-ratelimit")}
        self.assertEqual(
            headers,
            {
                "x-ratelimit-limit-requests": "2",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1m0s",
            },
        )
        self.assertEqual(response.headers["retry-after"], "30")
        self.assertEqual(len(self.server.backend.turns), 2)
        self.send(name="bob")
        self.assertEqual(len(self.server.backend.turns), 3)
        self.server.clock.advance(30)
        self.send()
        self.assertEqual(len(self.server.backend.turns), 4)
        self.assertEqual(self.server.metric("codexd_key_refusals_total", key="alice", reason="requests"), 1)
        self.assertEqual(self.server.metric("codexd_key_requests_total", key="alice"), 4)

    def test_every_way_to_write_a_path_counts(self) -> None:
        self.serve(key("alice", requests_per_minute=3))
        for path in ("//v1/chat/completions", "/chat/completions", "/v1/v1/chat/completions/"):
            self.send(path, body=chat())
        for path in ("/v1/chat/completions", "/api/v1/chat/completions", "//chat//completions", "/v1/responses/resp_1"):
            method = "GET" if path.endswith("1") else "POST"
            self.assertEqual(self.request(method, path, chat()).status, 429, path)

    def test_every_route_that_does_work_counts(self) -> None:
        for method, path in (
            ("POST", "/v1/responses/input_tokens"),
            ("POST", "/v1/responses/compact"),
            ("GET", "/v1/responses/resp_1"),
            ("DELETE", "/v1/responses/resp_1"),
            ("POST", "/v1/conversations"),
            ("GET", "/v1/conversations/conv_1/items"),
            ("POST", "/v1/audio/speech"),
        ):
            self.serve(key("alice", requests_per_minute=1))
            body = {"model": "gpt-5", "input": "x", "voice": "a"} if method == "POST" else None
            self.server.connect().request(method, path, body, authorization="Bearer sk-alice")
            self.assertEqual(self.request("POST", CHAT, chat()).status, 429, path)
        self.serve(key("alice", requests_per_minute=1))
        for path in ("/v1/models", "/v1/models/gpt-5", "/v1/engines", "/livez"):
            self.assertEqual(self.request("GET", path).status, 200)
        self.send()
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_pipelined_requests_count_one_by_one(self) -> None:
        self.serve(key("alice", requests_per_minute=2))
        connection = self.server.connect()
        for _ in range(4):
            connection.request("GET", "/v1/responses/resp_1", authorization="Bearer sk-alice")
        self.assertEqual([response.status for response in connection.responses()], [404, 404, 429, 429])

    def test_requests_that_are_wrong_count(self) -> None:
        self.serve(key("alice", requests_per_minute=1))
        self.assertEqual(self.request("POST", CHAT, b"{").status, 400)
        self.assertEqual(self.request("POST", CHAT, chat()).status, 429)

    def test_every_answer_of_a_limited_key_has_the_headers(self) -> None:
        self.serve(key("alice", requests_per_minute=60, tokens_per_minute=60_000))
        for stream in (False, True):
            connection = self.send(stream=stream)
            self.answer()
            headers = connection.response.headers
            self.assertEqual(headers["x-ratelimit-limit-tokens"], "60000")
            self.assertIn("x-ratelimit-remaining-requests", headers)
        response = self.request("POST", CHAT, {})
        self.assertEqual(response.status, 400)
        self.assertEqual(response.headers["x-ratelimit-remaining-tokens"], str(60_000 - 2 * USAGE.total_tokens))
        self.assertEqual(response.headers["x-ratelimit-reset-tokens"], "18ms")
        self.serve(key("bob"), http=Http(api_keys=("sk-old",)))
        for name in ("bob", "old"):
            self.assertNotIn("x-ratelimit", str(self.request("GET", "/v1/models", name=name).headers))


class TokenTests(KeyCase):
    def test_what_the_provider_counted_is_spent(self) -> None:
        for path in DOORS:
            for stream in (False, True):
                self.serve(key("alice"))
                self.send(path, stream=stream)
                self.answer()
                self.assertEqual(self.spent(), USAGE.total_tokens, path)
                for kind, amount in (("input", 7), ("cached", 3), ("output", 2), ("reasoning", 1)):
                    self.assertEqual(self.server.metric("codexd_key_tokens_total", key="alice", kind=kind), amount)

    def test_every_choice_is_spent(self) -> None:
        self.serve(key("alice", tokens_per_minute=10_000))
        self.send(n=3)
        self.assertGreater(self.meter().reserved, 3000)
        for turn in self.server.backend.turns:
            turn.emit(*text_answer())
        self.assertEqual((self.spent(), self.meter().reserved), (3 * USAGE.total_tokens, 0))

    def test_a_disconnect_does_not_dodge_the_count(self) -> None:
        for path in DOORS:
            self.serve(key("alice", tokens_per_minute=10_000))
            connection = self.send(path, stream=True)
            self.server.backend.turns[0].emit(*BEGINNING, e.TextDelta(0, "x" * 400))
            connection.disconnect()
            self.assertTrue(self.server.backend.turns[0].cancelled)
            self.assertEqual(self.spent(), 1 + 101, path)
            self.assertEqual(self.meter().reserved, 0)

    def test_an_answer_that_fails_midway_is_an_estimate_and_a_refused_one_is_free(self) -> None:
        self.serve(key("alice", tokens_per_minute=10_000))
        self.send(stream=True)
        self.server.backend.turns[0].emit(*BEGINNING, e.Failed(MODEL_FAILED))
        self.assertEqual(self.spent(), 2)
        self.send(stream=True)
        self.server.backend.turns[1].emit(e.Failed(UPSTREAM_FAILED))
        self.server.backend.begin_errors = [UPSTREAM_FAILED]
        self.send()
        self.send(stream=True)
        self.server.backend.turns[2].emit(e.Began(), e.Failed(fault("too_long")))
        self.assertEqual((self.spent(), self.meter().reserved), (3, 0))

    def test_parallel_streams_cannot_exceed_the_limit_together(self) -> None:
        self.serve(key("alice", tokens_per_minute=2500))
        for _ in range(2):
            self.send(stream=True)
        response = self.request("POST", CHAT, chat(stream=True))
        self.assertEqual((response.status, response.error["type"]), (429, "tokens"))
        self.assertEqual(len(self.server.backend.turns), 2)
        self.answer()
        self.send(stream=True)
        self.assertEqual(len(self.server.backend.turns), 3)

    def test_the_output_limit_of_the_request_is_reserved(self) -> None:
        self.serve(key("alice", tokens_per_minute=2500))
        self.send(max_tokens=9)
        self.assertEqual(self.meter().reserved, 10)

    def test_an_input_above_the_limit_is_429_and_not_to_be_retried(self) -> None:
        self.serve(key("alice", tokens_per_minute=50))
        response = self.request("POST", CHAT, chat(messages=[{"role": "user", "content": "x" * 400}]))
        self.assertEqual((response.status, response.headers["x-should-retry"]), (429, "false"))
        self.assertIn("limit 50, requested about 100", response.error["message"])

    def test_an_answer_in_the_background_holds_its_reservation_until_it_ends(self) -> None:
        self.serve(key("alice", tokens_per_minute=10_000))
        connection = self.send(RESPONSES, store=True, background=True)
        self.assertEqual(connection.response.status, 200)
        self.assertGreater(self.meter().reserved, 1000)
        self.answer()
        self.assertEqual((self.spent(), self.meter().reserved), (USAGE.total_tokens, 0))

    def test_a_cancelled_answer_in_the_background_is_spent(self) -> None:
        self.serve(key("alice", tokens_per_minute=10_000))
        id = self.send(RESPONSES, store=True, background=True).response.json["id"]
        self.server.backend.turns[0].emit(*BEGINNING)
        self.assertEqual(self.request("POST", f"{RESPONSES}/{id}/cancel", {}).status, 200)
        self.assertEqual((self.spent(), self.meter().reserved), (2, 0))

    def test_background_answers_are_limited_by_key(self) -> None:
        self.serve(key("alice", background_responses=1, tokens_per_minute=10_000), key("bob"))
        self.send(RESPONSES, store=True, background=True)
        held = self.meter().reserved
        response = self.send(RESPONSES, store=True, background=True).response
        self.assertEqual((response.status, response.error["code"]), (429, "rate_limit_exceeded"))
        self.assertEqual(self.meter().reserved, held)
        self.assertEqual(self.send(RESPONSES, store=True, background=True, name="bob").response.status, 200)
        self.server.backend.turns[0].emit(*text_answer())
        self.assertEqual(self.send(RESPONSES, store=True, background=True).response.status, 200)

    def test_embeddings_are_spent_as_the_upstream_reports_them(self) -> None:
        self.serve(key("alice", tokens_per_minute=10_000))
        connection = self.send("/v1/embeddings", body={"model": "gpt-5", "input": "hi"})
        self.assertGreater(self.meter().reserved, 0)
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        self.server.backend.embedded.callback(json.encode({"data": [], "usage": usage}))
        self.assertEqual(connection.response.status, 200)
        self.assertEqual((self.spent(), self.meter().reserved), (5, 0))

    def test_a_disconnect_from_embeddings_is_spent_and_a_failure_is_free(self) -> None:
        self.serve(key("alice", tokens_per_minute=10_000))
        body = {"model": "gpt-5", "input": "x" * 400}
        self.send("/v1/embeddings", body=body).disconnect()
        self.assertEqual(self.spent(), 0)  # it waited for its upstream
        self.server.backend.embedded = Deferred()
        dropped = self.send("/v1/embeddings", body=body)
        self.server.backend.embed_contexts[-1].note_sent()
        dropped.disconnect()
        spent = self.spent()
        self.assertGreater(spent, 100)
        self.server.backend.begin_errors = [UPSTREAM_FAILED]
        self.send("/v1/embeddings", body={"model": "gpt-5", "input": "x" * 400})
        self.assertEqual((self.spent(), self.meter().reserved), (spent, 0))

    def test_forwarded_requests_are_spent_as_the_upstream_reports_them(self) -> None:
        self.serve(key("alice", tokens_per_minute=10_000))
        connection = self.send("/v1/images/generations", body={"model": "gpt-5", "prompt": "hi"})
        forwarded = self.server.backend.forwarded[0]
        image = b'{"data": [{"b64_json": "' + b"A" * 50_000 + b'"}], "usa'
        forwarded.respond(image, b'ge": {"total_tokens": 30, "input_tokens": 10, "output_tokens": 20}}')
        forwarded.receiver.finish()
        self.assertTrue(connection.response.whole)
        self.assertEqual((self.spent(), self.meter().reserved), (30, 0))

    def test_a_forwarded_request_without_a_usage_is_an_estimate(self) -> None:
        self.serve(key("alice", tokens_per_minute=10_000))
        self.send("/v1/moderations", body={"model": "gpt-5", "input": "x" * 400})
        self.server.backend.forwarded[0].respond(b"{}")
        self.server.backend.forwarded[0].receiver.finish()
        self.assertGreater(self.spent(), 100)
        before = self.spent()
        dropped = self.send("/v1/moderations", body={"model": "gpt-5", "input": "x" * 400})
        self.server.backend.forwarded[1].context.note_sent()
        dropped.disconnect()
        self.assertEqual(self.spent(), 2 * before)
        self.send("/v1/moderations", body={"model": "gpt-5", "input": "x" * 400})
        self.server.backend.forwarded[2].receiver.fail(UPSTREAM_FAILED)
        self.assertEqual((self.spent(), self.meter().reserved), (2 * before, 0))
        self.send("/v1/moderations", body={"model": "gpt-5", "input": "x" * 400}).disconnect()
        self.assertEqual((self.spent(), self.meter().reserved), (2 * before, 0))


class BudgetTests(KeyCase):
    def test_an_exhausted_budget_is_an_insufficient_quota_until_the_day_ends(self) -> None:
        self.serve(key("alice", tokens_per_day=9), key("bob", tokens_per_day=9))
        self.send()
        self.answer()
        for path in DOORS:
            response = self.request("POST", path, BODIES[path])
            self.assertEqual((response.status, response.error["code"]), (429, "insufficient_quota"), path)
            self.assertEqual(response.headers["x-should-retry"], "false")
            self.assertIn("The next day begins at 2023-11-15T00:00:00Z", response.error["message"])
        for path, body in (
            ("/v1/embeddings", {"model": "gpt-5", "input": "x"}),
            ("/v1/moderations", {"model": "gpt-5", "input": "x"}),
        ):
            self.assertEqual(self.request("POST", path, body).status, 429, path)
        self.assertEqual(self.server.metric("codexd_key_budget_used_ratio", key="alice", period="day"), 1)
        self.assertEqual(self.server.metric("codexd_key_budget_tokens", key="alice", period="day"), 9)
        self.assertEqual(self.server.metric("codexd_key_refusals_total", key="alice", reason="budget"), 5)
        self.send(name="bob")
        self.assertEqual(len(self.server.backend.turns), 2)
        self.server.clock.advance(86_400)
        self.send()
        self.assertEqual(len(self.server.backend.turns), 3)

    def test_the_log_says_once_a_day_that_a_budget_is_used_up(self) -> None:
        self.serve(key("alice", tokens_per_day=9))
        for _ in range(2):
            self.send()
            self.answer()
            with capturedLogs() as logged:
                self.assertEqual([self.request("POST", CHAT, chat()).status for _ in range(3)], [429] * 3)
            (used,) = (event for event in logged if event.get("event") == "key_budget_exhausted")
            self.assertEqual((used["key"], used["period"], used["used"], used["budget"]), ("alice", "day", 9, 9))
            self.assertTrue(used["resets"].endswith("T00:00:00Z"), used["resets"])
            self.server.clock.advance(86_400)

    def test_before_the_budgets_are_known_a_key_with_one_is_not_served(self) -> None:
        self.server = InMemoryServer(keys=(key("alice", tokens_per_month=9), key("bob")))
        response = self.request("POST", CHAT, chat())
        self.assertEqual((response.status, response.headers["retry-after"]), (503, "1"))
        self.send(name="bob")
        self.server.front.meters.load(())
        self.send()
        self.assertEqual(len(self.server.backend.turns), 2)
