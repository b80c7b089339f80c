"""Tests of the routes of usage through the whole HTTP server."""

from codexd.http.handlers import usage
from tests.http.test_key_access import KeyCase, key
from tests.support.fake_backend import BEGINNING, USAGE
from tests.support.in_memory_server import InMemoryServer, Response

COMPLETIONS = "/v1/organization/usage/completions?start_time=0&end_time=1&bucket_width=1d"


class UsageHandlersTests(KeyCase):
    def use(self, name: str = "alice", model: str = "gpt-5") -> None:
        """Send a request and let the model answer it."""
        self.send(name=name, model=model)
        self.answer()

    def get(self, path: str, name: str = "alice", **headers: str) -> Response:
        return self.request("GET", path, name=name, **headers)

    def totals(self, path: str, name: str = "alice") -> list[tuple[int, int]]:
        """The requests and the input tokens: of what was counted, and of what is estimated."""
        response = self.get(path, name)
        self.assertEqual(response.status, 200, response.body)
        return [(one["requests"], one["input_tokens"]) for one in response.json["totals"]]

    def test_a_request_is_in_the_usage_at_once(self) -> None:
        self.serve(key("alice"))
        self.use()
        (bucket,) = self.get("/v1/usage").json["data"]
        (result,) = bucket["results"]
        self.assertEqual((result["model"], result["requests"], result["errors"]), ("gpt-5", 1, 0))
        self.assertEqual((result["input_tokens"], result["output_tokens"]), (USAGE.input_tokens, USAGE.output_tokens))
        self.assertFalse(result["estimated"])

    def test_a_key_sees_its_own_usage_and_an_administrator_that_of_all(self) -> None:
        self.serve(key("alice"), key("bob"), key("ops", admin=True))
        self.use("alice")
        self.use("bob")
        self.use("bob")
        one = USAGE.input_tokens
        self.assertEqual(self.totals("/v1/usage", "alice"), [(1, one), (0, 0)])
        self.assertEqual(self.totals("/v1/usage?key=alice", "alice"), [(1, one), (0, 0)])
        self.assertEqual(self.totals("/v1/usage", "bob"), [(2, 2 * one), (0, 0)])
        self.assertEqual(self.totals("/v1/usage", "ops"), [(3, 3 * one), (0, 0)])
        self.assertEqual(self.totals("/v1/usage?key=alice", "ops"), [(1, one), (0, 0)])

    def test_the_usage_of_another_key_is_forbidden(self) -> None:
        self.serve(key("alice"), key("bob"))
        for path in ("/v1/usage?key=bob", "/v1/usage/raw?key=alice&key=bob", COMPLETIONS + "&api_key_ids[]=bob"):
            response = self.get(path)
            self.assertEqual((response.status, response.error["code"]), (403, "insufficient_permissions"), path)

    def test_a_key_may_be_refused_usage(self) -> None:
        self.serve(key("alice", endpoints=("chat",)))
        self.assertEqual(self.get("/v1/usage").status, 403)

    def test_without_keys_everybody_sees_everything(self) -> None:
        self.server = InMemoryServer()
        self.use()
        self.assertEqual(self.totals("/v1/usage"), [(1, USAGE.input_tokens), (0, 0)])

    def test_what_a_client_that_left_has_used_is_estimated(self) -> None:
        self.server = InMemoryServer()
        connection = self.send(stream=True)
        self.server.backend.turns[-1].emit(*BEGINNING)
        connection.disconnect()
        counted, estimated = self.totals("/v1/usage")
        self.assertEqual(counted, (0, 0))
        self.assertEqual(estimated[0], 1)
        self.assertGreater(estimated[1], 0)

    def test_rows_have_pages(self) -> None:
        self.server = InMemoryServer()
        for model in ("a", "b", "c"):
            self.use(model=model)
        first = self.get("/v1/usage/raw?limit=2").json
        self.assertEqual([row["model"] for row in first["data"]], ["a", "b"])
        self.assertTrue(first["has_more"])
        self.assertEqual(first["next"], first["data"][-1]["id"])
        rest = self.get(f"/v1/usage?view=raw&after={first['next']}").json
        self.assertEqual([row["model"] for row in rest["data"]], ["c"])
        self.assertEqual((rest["has_more"], rest["next"]), (False, None))

    def test_every_format_has_its_content_type_and_the_next_page_in_a_header(self) -> None:
        self.server = InMemoryServer()
        for _ in range(2):
            self.use()
        for format, content_type in (("csv", "text/csv; charset=utf-8"), ("ndjson", "application/x-ndjson")):
            response = self.get(f"/v1/usage/raw?limit=1&format={format}")
            self.assertEqual(response.headers["content-type"], content_type)
            self.assertRegex(response.headers["x-next-after"], r"^\d+-1$")
        self.assertEqual(self.get("/v1/usage", accept="text/csv").headers["content-type"], "text/csv; charset=utf-8")

    def test_a_wrong_query_is_a_400_that_names_the_parameter(self) -> None:
        self.server = InMemoryServer()
        wrong = {
            "/v1/usage?start=x": "start",
            "/v1/usage?grop_by=model": "grop_by",
            "/v1/usage?view=raw&group_by=model": "group_by",
            "/v1/usage/raw?after=x": "after",
            "/v1/usage/limits?key=alice": "key",
            COMPLETIONS + "&batch=true": "batch",
        }
        for path, param in wrong.items():
            response = self.get(path)
            self.assertEqual((response.status, response.error["param"]), (400, param))

    def test_openais_page_has_all_buckets(self) -> None:
        self.serve(key("alice"), key("ops", admin=True))
        self.use()
        now = int(self.server.front._now())
        page = self.get(
            f"/v1/organization/usage/completions?start_time={now - 86400}&group_by[]=model&group_by[]=api_key_id", "ops"
        ).json
        self.assertEqual([len(bucket["results"]) for bucket in page["data"]], [0, 1])
        (result,) = page["data"][1]["results"]
        self.assertEqual((result["model"], result["api_key_id"]), ("gpt-5", "alice"))
        self.assertEqual((result["input_tokens"], result["num_model_requests"]), (USAGE.input_tokens, 1))

    def test_too_many_queries_at_once_are_refused(self) -> None:
        self.server = InMemoryServer()
        self.patch(usage, "MAX_QUERIES", 0)
        self.assertEqual(self.get("/v1/usage").status, 429)
