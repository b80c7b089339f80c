from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import BEGINNING, text_answer
from tests.support.http_cases import RESPONSES, ResponsesTestCase, event_types
from tests.support.in_memory_server import InMemoryServer, Response

ENCRYPTED_REASONING = (e.ReasoningOpened(0, "rs_0"), e.ReasoningClosed(0, encrypted="encrypted"))


class StoredResponsesTestCase(ResponsesTestCase):
    def store_response(self, **fields: object) -> str:
        """Store a response and return its id."""
        self.ask(**fields).emit(*text_answer())
        return self.response_id

    def assert_missing(self, response: Response, id: str) -> None:
        self.assertEqual((response.status, response.error["type"]), (404, "invalid_request_error"))
        self.assertEqual(response.error["message"], f"Response with id '{id}' not found.")


class OwnershipTests(StoredResponsesTestCase):
    def test_an_unknown_id_is_404_everywhere(self) -> None:
        for method, under in (
            ("GET", ""),
            ("GET", "?stream=true"),
            ("DELETE", ""),
            ("POST", "/cancel"),
            ("GET", "/input_items"),
        ):
            self.assert_missing(self.server.request(method, f"{RESPONSES}/resp_0{under}"), "resp_0")

    def test_an_object_of_another_caller_is_404(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine", "yours"))))
        self.connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi"}, x_api_key="mine")
        self.server.backend.turns[0].emit(*text_answer())
        id = self.response_id
        for method, under in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
            self.assert_missing(self.server.request(method, f"{RESPONSES}/{id}{under}", x_api_key="yours"), id)
        body = {"model": "gpt-5", "input": "more", "previous_response_id": id}
        foreign = self.server.request("POST", RESPONSES, body, x_api_key="yours")
        self.assertEqual((foreign.status, foreign.error["code"]), (400, "previous_response_not_found"))
        self.assertEqual(self.server.request("GET", f"{RESPONSES}/{id}", x_api_key="mine").status, 200)

    def test_an_unknown_caller_does_not_reach_the_store(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine",))))
        for method, under in (
            ("GET", "/resp_0"),
            ("DELETE", "/resp_0"),
            ("POST", "/resp_0/cancel"),
            ("GET", "/resp_0/input_items"),
            ("POST", "/input_tokens"),
            ("POST", "/compact"),
        ):
            self.assertEqual(self.server.request(method, RESPONSES + under).status, 401, under)
        self.assertEqual(self.store.calls, ["load_unfinished"])

    def test_without_keys_a_page_of_an_unlisted_origin_is_refused(self) -> None:
        id = self.store_response()
        response = self.server.request("GET", f"{RESPONSES}/{id}", origin="https://evil.example")
        self.assertEqual((response.status, response.error["code"]), (403, "origin_not_allowed"))


class RetrievalTests(StoredResponsesTestCase):
    def test_encrypted_reasoning_is_included_on_request(self) -> None:
        self.ask().emit(e.Began(), *ENCRYPTED_REASONING, e.Ended("stop"))
        for query, content in (
            ("", None),
            ("?include=reasoning.encrypted_content", "encrypted"),
            ("?include[]=reasoning.encrypted_content", "encrypted"),
        ):
            (shown,) = self.get(self.response_id, query).json["output"]
            self.assertEqual(shown.get("encrypted_content"), content)

    def test_an_invalid_query_is_400_and_names_the_parameter(self) -> None:
        id = self.store_response()
        for query, param in (("stream=maybe", "stream"), ("starting_after=x", "starting_after")):
            response = self.get(id, f"?{query}")
            self.assertEqual((response.status, response.error["param"]), (400, param))

    def test_a_query_that_is_not_utf_8_is_accepted(self) -> None:
        self.assertEqual(self.get(self.store_response(), "?%ff=%fe&include=%ff").status, 200)

    def test_only_a_background_answer_can_be_streamed_again(self) -> None:
        response = self.get(self.store_response(), "?stream=true")
        self.assertEqual((response.status, response.error["param"]), (400, "stream"))
        self.assertIn("background", response.error["message"])

    def test_a_store_that_fails_is_a_500(self) -> None:
        id = self.store_response()
        self.store.fail()
        self.assertEqual(self.get(id).status, 500)
        self.assertEqual(self.get(id).status, 200)

    def test_a_client_that_leaves_while_the_response_is_loaded_is_no_error(self) -> None:
        id = self.store_response()
        self.store.delay_calls()
        self.connection.request("GET", f"{RESPONSES}/{id}")
        before = self.connection.received
        self.connection.disconnect()
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.received, before)
        self.assertEqual(self.server.log.records[-1].outcome, "client_disconnected")
        self.assertEqual(self.flushLoggedErrors(), [])


class CancelTests(StoredResponsesTestCase):
    def cancel(self, id: str) -> Response:
        return self.server.request("POST", f"{RESPONSES}/{id}/cancel")

    def test_cancelling_stops_the_model_and_stores_the_answer_so_far(self) -> None:
        turn = self.start_background()
        turn.emit(*BEGINNING)
        replay = self.replay(self.background_id)
        shown = self.cancel(self.background_id).json
        self.assertEqual((shown["status"], shown["error"], turn.actions), ("cancelled", None, ["cancel"]))
        self.assertEqual(shown["output"][0]["content"][0]["text"], "Hel")
        self.assertEqual(self.get(self.background_id).json, shown)
        last = replay.response.events[-1]
        self.assertEqual((last["type"], last["response"]), ("response.incomplete", shown))
        self.assertEqual(self.server.metric("codexd_background_finished_total", outcome="cancelled"), 1)
        (ended,) = [record for record in self.server.log.records if record.method == "background"]
        self.assertEqual((ended.outcome, ended.status), ("cancelled", 200))
        self.assert_nothing_running()

    def test_cancelling_twice_changes_nothing(self) -> None:
        self.start_background()
        shown = self.cancel(self.background_id).body
        self.assertEqual(self.cancel(self.background_id).body, shown)

    def test_cancelling_an_ended_answer_changes_nothing(self) -> None:
        self.start_background().emit(*text_answer())
        self.assertEqual(self.cancel(self.background_id).json["status"], "completed")

    def test_concurrent_cancels_get_the_same_response_after_it_was_stored(self) -> None:
        turn = self.start_background()
        self.store.delay_calls()
        clients = [self.server.connect() for _ in range(3)]
        for connection in clients:
            connection.request("POST", f"{RESPONSES}/{self.background_id}/cancel")
        clients[0].disconnect()
        self.assertEqual([connection.received for connection in clients], [b""] * 3)
        self.store.run_delayed_calls()
        self.assertEqual(clients[1].response.body, clients[2].response.body)
        self.assertEqual(clients[1].response.json["status"], "cancelled")
        self.assertEqual(turn.actions, ["cancel"])
        self.assert_nothing_running()

    def test_cancelling_while_the_end_is_stored_returns_that_end(self) -> None:
        turn = self.start_background()
        self.store.delay_calls()
        turn.emit(*text_answer())
        connection = self.server.connect()
        connection.request("POST", f"{RESPONSES}/{self.background_id}/cancel")
        self.store.run_delayed_calls()
        self.assertEqual(connection.response.json["status"], "completed")
        self.assertEqual(turn.actions, [])

    def test_a_foreground_answer_cannot_be_cancelled(self) -> None:
        response = self.cancel(self.store_response())
        self.assertEqual(response.status, 400)
        self.assertIn("background", response.error["message"])


class DeleteTests(StoredResponsesTestCase):
    def delete(self, id: str) -> Response:
        return self.server.request("DELETE", f"{RESPONSES}/{id}")

    def test_a_deleted_response_is_404_and_cannot_be_continued(self) -> None:
        id = self.store_response()
        self.assertEqual(self.delete(id).json, {"id": id, "object": "response", "deleted": True})
        self.assert_missing(self.get(id), id)
        self.assert_missing(self.delete(id), id)
        self.post(previous_response_id=id)
        self.assertEqual(self.connection.response.error["code"], "previous_response_not_found")

    def test_deleting_a_running_answer_ends_it_first(self) -> None:
        turn = self.start_background()
        turn.emit(*BEGINNING)
        replay = self.replay(self.background_id)
        self.assertEqual(self.delete(self.background_id).status, 200)
        self.assertEqual((turn.actions, event_types(replay)[-1]), (["cancel"], "incomplete"))
        self.assert_missing(self.get(self.background_id), self.background_id)
        self.assert_nothing_running()

    def test_a_deleted_answer_is_not_stored_again(self) -> None:
        self.start_background()
        self.store.delay_calls()
        self.server.connect().request("DELETE", f"{RESPONSES}/{self.background_id}")
        self.store.run_delayed_calls()
        self.assert_missing(self.get(self.background_id), self.background_id)


class InputItemsTests(StoredResponsesTestCase):
    def items(self, id: str, query: str = "") -> Response:
        return self.server.request("GET", f"{RESPONSES}/{id}/input_items{query}")

    def test_the_input_items_include_the_history_newest_first(self) -> None:
        id = self.store_response(input="more", previous_response_id=self.store_response())
        listed = self.items(id).json
        self.assertEqual([item["role"] for item in listed["data"]], ["user", "assistant", "user"])
        self.assertEqual(listed["data"][0]["content"][0]["text"], "more")
        self.assertEqual((listed["object"], listed["has_more"]), ("list", False))

    def test_the_input_items_are_paginated(self) -> None:
        id = self.store_response(input="more", previous_response_id=self.store_response())
        first = self.items(id, "?limit=2&order=asc").json
        self.assertEqual((len(first["data"]), first["has_more"]), (2, True))
        second = self.items(id, f"?limit=2&order=asc&after={first['last_id']}").json
        self.assertEqual((len(second["data"]), second["has_more"]), (1, False))

    def test_the_input_items_of_a_running_answer_are_listed(self) -> None:
        self.start_background()
        self.assertEqual(len(self.items(self.background_id).json["data"]), 1)

    def test_an_invalid_query_for_input_items_is_400(self) -> None:
        self.assertEqual(self.items(self.store_response(), "?limit=0").error["param"], "limit")


class TokenCountTests(StoredResponsesTestCase):
    def test_the_input_tokens_of_a_request_are_estimated(self) -> None:
        body = {"model": "gpt-5", "input": "a" * 400, "instructions": "b" * 40}
        counted = self.server.request("POST", f"{RESPONSES}/input_tokens", body).json
        self.assertEqual((counted["object"], counted["input_tokens"]), ("response.input_tokens", 110))

    def test_the_estimate_includes_the_history(self) -> None:
        body = {"previous_response_id": self.store_response(input="a" * 400), "input": "b" * 40}
        counted = self.server.request("POST", f"{RESPONSES}/input_tokens", body).json
        self.assertGreater(counted["input_tokens"], 110)
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_an_unknown_previous_response_is_an_error(self) -> None:
        body = {"previous_response_id": "resp_0", "input": "b"}
        response = self.server.request("POST", f"{RESPONSES}/input_tokens", body)
        self.assertEqual(response.error["code"], "previous_response_not_found")
