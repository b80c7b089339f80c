from codexd.neutral import event as e
from codexd.settings import Http
from tests.support.fake_backend import FakeTurn, text_answer
from tests.support.http_cases import RESPONSES, ResponsesCase, event_types
from tests.support.in_memory_server import InMemoryServer, Response

SAID = (e.Began(), e.MessageOpened(0, "msg_0"), e.TextDelta(0, "Hel"))
SEALED = (e.ReasoningOpened(0, "rs_0"), e.ReasoningClosed(0, encrypted="sealed"))


class ArchiveCase(ResponsesCase):
    def keep(self, **fields: object) -> str:
        """Have an answer kept, and give its id."""
        self.ask(**fields).emit(*text_answer())
        return self.response_id

    def begin(self) -> FakeTurn:
        turn = self.ask(background=True)
        self.work_id = self.response_id
        return turn

    def missing(self, response: Response, id: str) -> None:
        self.assertEqual((response.status, response.error["type"]), (404, "invalid_request_error"))
        self.assertEqual(response.error["message"], f"Response with id '{id}' not found.")


class TestWhoseTheyAre(ArchiveCase):
    def test_what_is_not_there_is_404_everywhere(self) -> None:
        for method, under in (
            ("GET", ""),
            ("GET", "?stream=true"),
            ("DELETE", ""),
            ("POST", "/cancel"),
            ("GET", "/input_items"),
        ):
            self.missing(self.server.request(method, f"{RESPONSES}/resp_0{under}"), "resp_0")

    def test_what_is_somebody_elses_is_not_there(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine", "yours"))))
        self.connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi"}, x_api_key="mine")
        self.server.backend.turns[0].emit(*text_answer())
        id = self.response_id
        for method, under in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/input_items")):
            self.missing(self.server.request(method, f"{RESPONSES}/{id}{under}", x_api_key="yours"), id)
        body = {"model": "gpt-5", "input": "more", "previous_response_id": id}
        foreign = self.server.request("POST", RESPONSES, body, x_api_key="yours")
        self.assertEqual((foreign.status, foreign.error["code"]), (400, "previous_response_not_found"))
        self.assertEqual(self.server.request("GET", f"{RESPONSES}/{id}", x_api_key="mine").status, 200)

    def test_nobody_unknown_gets_that_far(self) -> None:
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

    def test_nor_does_a_foreign_page_where_there_are_no_keys(self) -> None:
        id = self.keep()
        response = self.server.request("GET", f"{RESPONSES}/{id}", origin="https://evil.example")
        self.assertEqual((response.status, response.error["code"]), (403, "origin_not_allowed"))


class TestShowing(ArchiveCase):
    def test_sealed_reasoning_is_shown_where_it_is_asked_for(self) -> None:
        self.ask().emit(e.Began(), *SEALED, e.Ended("stop"))
        for query, sealed in (
            ("", None),
            ("?include=reasoning.encrypted_content", "sealed"),
            ("?include[]=reasoning.encrypted_content", "sealed"),
        ):
            (shown,) = self.get(self.response_id, query).json["output"]
            self.assertEqual(shown.get("encrypted_content"), sealed)

    def test_a_query_that_makes_no_sense_is_400_and_names_what(self) -> None:
        id = self.keep()
        for query, param in (("stream=maybe", "stream"), ("starting_after=x", "starting_after")):
            response = self.get(id, f"?{query}")
            self.assertEqual((response.status, response.error["param"]), (400, param))

    def test_a_query_of_bytes_that_are_no_text_is_a_query(self) -> None:
        self.assertEqual(self.get(self.keep(), "?%ff=%fe&include=%ff").status, 200)

    def test_only_an_answer_in_the_background_has_a_stream(self) -> None:
        response = self.get(self.keep(), "?stream=true")
        self.assertEqual((response.status, response.error["param"]), (400, "stream"))
        self.assertIn("background", response.error["message"])

    def test_a_store_that_fails_is_a_500(self) -> None:
        id = self.keep()
        self.store.fail()
        self.assertEqual(self.get(id).status, 500)
        self.assertEqual(self.get(id).status, 200)

    def test_a_client_that_leaves_while_it_is_looked_for_is_no_trouble(self) -> None:
        id = self.keep()
        self.store.delay_calls()
        self.connection.request("GET", f"{RESPONSES}/{id}")
        before = self.connection.received
        self.connection.disconnect()
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.received, before)
        self.assertEqual(self.server.log.records[-1].outcome, "client_disconnected")
        self.assertEqual(self.flushLoggedErrors(), [])


class TestCancelling(ArchiveCase):
    def cancel(self, id: str) -> Response:
        return self.server.request("POST", f"{RESPONSES}/{id}/cancel")

    def test_the_model_is_stopped_and_what_it_said_is_kept(self) -> None:
        turn = self.begin()
        turn.emit(*SAID)
        follower = self.follow(self.work_id)
        shown = self.cancel(self.work_id).json
        self.assertEqual((shown["status"], shown["error"], turn.actions), ("cancelled", None, ["cancel"]))
        self.assertEqual(shown["output"][0]["content"][0]["text"], "Hel")
        self.assertEqual(self.get(self.work_id).json, shown)
        last = follower.response.events[-1]
        self.assertEqual((last["type"], last["response"]), ("response.incomplete", shown))
        self.assertEqual(self.server.metric("codexd_background_finished_total", outcome="cancelled"), 1)
        (ended,) = [record for record in self.server.log.records if record.method == "background"]
        self.assertEqual((ended.outcome, ended.status), ("cancelled", 200))
        self.assert_nothing_running()

    def test_a_second_time_it_stays_as_it_is(self) -> None:
        self.begin()
        shown = self.cancel(self.work_id).body
        self.assertEqual(self.cancel(self.work_id).body, shown)

    def test_one_that_is_over_stays_as_it_is(self) -> None:
        self.begin().emit(*text_answer())
        self.assertEqual(self.cancel(self.work_id).json["status"], "completed")

    def test_several_who_cancel_at_once_are_told_the_same_when_it_is_kept(self) -> None:
        turn = self.begin()
        self.store.delay_calls()
        asking = [self.server.connect() for _ in range(3)]
        for connection in asking:
            connection.request("POST", f"{RESPONSES}/{self.work_id}/cancel")
        asking[0].disconnect()
        self.assertEqual([connection.received for connection in asking], [b""] * 3)
        self.store.run_delayed_calls()
        self.assertEqual(asking[1].response.body, asking[2].response.body)
        self.assertEqual(asking[1].response.json["status"], "cancelled")
        self.assertEqual(turn.actions, ["cancel"])
        self.assert_nothing_running()

    def test_one_whose_end_is_being_kept_is_told_that_end(self) -> None:
        turn = self.begin()
        self.store.delay_calls()
        turn.emit(*text_answer())
        self.connection.request("POST", f"{RESPONSES}/{self.work_id}/cancel")
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.responses()[-1].json["status"], "completed")
        self.assertEqual(turn.actions, [])

    def test_one_that_is_not_in_the_background_cannot_be(self) -> None:
        response = self.cancel(self.keep())
        self.assertEqual(response.status, 400)
        self.assertIn("background", response.error["message"])


class TestDeleting(ArchiveCase):
    def delete(self, id: str) -> Response:
        return self.server.request("DELETE", f"{RESPONSES}/{id}")

    def test_it_is_gone_and_cannot_be_continued(self) -> None:
        id = self.keep()
        self.assertEqual(self.delete(id).json, {"id": id, "object": "response", "deleted": True})
        self.missing(self.get(id), id)
        self.missing(self.delete(id), id)
        self.post(previous_response_id=id)
        self.assertEqual(self.connection.response.error["code"], "previous_response_not_found")

    def test_one_that_runs_is_ended_first(self) -> None:
        turn = self.begin()
        turn.emit(*SAID)
        follower = self.follow(self.work_id)
        self.assertEqual(self.delete(self.work_id).status, 200)
        self.assertEqual((turn.actions, event_types(follower)[-1]), (["cancel"], "incomplete"))
        self.missing(self.get(self.work_id), self.work_id)
        self.assert_nothing_running()

    def test_it_does_not_come_back_by_being_kept_late(self) -> None:
        self.begin()
        self.store.delay_calls()
        self.connection.request("DELETE", f"{RESPONSES}/{self.work_id}")
        self.store.run_delayed_calls()
        self.missing(self.get(self.work_id), self.work_id)


class TestInputItems(ArchiveCase):
    def items(self, id: str, query: str = "") -> Response:
        return self.server.request("GET", f"{RESPONSES}/{id}/input_items{query}")

    def test_they_are_all_that_the_model_was_shown_newest_first(self) -> None:
        id = self.keep(input="more", previous_response_id=self.keep())
        listed = self.items(id).json
        self.assertEqual([item["role"] for item in listed["data"]], ["user", "assistant", "user"])
        self.assertEqual(listed["data"][0]["content"][0]["text"], "more")
        self.assertEqual((listed["object"], listed["has_more"]), ("list", False))

    def test_they_come_in_pages(self) -> None:
        id = self.keep(input="more", previous_response_id=self.keep())
        first = self.items(id, "?limit=2&order=asc").json
        self.assertEqual((len(first["data"]), first["has_more"]), (2, True))
        second = self.items(id, f"?limit=2&order=asc&after={first['last_id']}").json
        self.assertEqual((len(second["data"]), second["has_more"]), (1, False))

    def test_those_of_one_that_runs_can_be_seen(self) -> None:
        self.begin()
        self.assertEqual(len(self.items(self.work_id).json["data"]), 1)

    def test_a_query_that_makes_no_sense_is_400(self) -> None:
        self.assertEqual(self.items(self.keep(), "?limit=0").error["param"], "limit")


class TestWithoutAnswering(ArchiveCase):
    def test_the_tokens_of_a_request_are_counted(self) -> None:
        body = {"model": "gpt-5", "input": "a" * 400, "instructions": "b" * 40}
        counted = self.server.request("POST", f"{RESPONSES}/input_tokens", body).json
        self.assertEqual((counted["object"], counted["input_tokens"]), ("response.input_tokens", 110))

    def test_those_of_what_it_goes_on_from_too(self) -> None:
        body = {"previous_response_id": self.keep(input="a" * 400), "input": "b" * 40}
        counted = self.server.request("POST", f"{RESPONSES}/input_tokens", body).json
        self.assertGreater(counted["input_tokens"], 110)
        self.assertEqual(len(self.server.backend.turns), 1)

    def test_what_is_wrong_with_it_is_said(self) -> None:
        body = {"previous_response_id": "resp_0", "input": "b"}
        response = self.server.request("POST", f"{RESPONSES}/input_tokens", body)
        self.assertEqual(response.error["code"], "previous_response_not_found")

    def test_histories_are_not_compacted_and_that_is_said(self) -> None:
        response = self.server.request("POST", f"{RESPONSES}/compact", {"model": "gpt-5", "input": "hi"})
        self.assertEqual((response.status, response.error["code"]), (400, "unsupported_parameter"))


class TestGoingOn(ArchiveCase):
    """What a request goes on from is recalled before it is answered."""

    def test_the_model_is_shown_what_came_before(self) -> None:
        turn = self.ask(previous_response_id=self.keep(), input="more")
        texts = [item.parts[0].text for item in turn.turn.items]
        self.assertEqual(texts, ["hi", "Hello", "more"])
        turn.emit(*text_answer())
        self.assertEqual(self.connection.response.status, 200)

    def test_a_request_that_stands_alone_asks_the_store_nothing(self) -> None:
        self.store.delay_calls()
        self.ask(stream=True).emit(*SAID)
        self.assertIn("output_text.delta", event_types(self.connection))

    def test_a_client_that_leaves_meanwhile_is_not_answered(self) -> None:
        id = self.keep()
        self.store.delay_calls()
        self.post(previous_response_id=id)
        self.connection.disconnect()
        self.store.run_delayed_calls()
        self.assertEqual(len(self.server.backend.turns), 1)
        self.assertEqual(self.server.log.records[-1].outcome, "client_disconnected")
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assert_nothing_running()

    def test_a_daemon_that_stops_meanwhile_says_so(self) -> None:
        id = self.keep()
        self.store.delay_calls()
        self.post(previous_response_id=id)
        self.successResultOf(self.server.active.drain())
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.response.error["code"], "shutting_down")

    def test_a_client_that_leaves_afterwards_stops_the_model(self) -> None:
        turn = self.ask(previous_response_id=self.keep(), stream=True)
        turn.emit(*SAID)
        self.connection.disconnect()
        self.assertEqual(turn.actions, ["cancel"])
        self.assert_nothing_running()

    def test_one_that_still_runs_cannot_be_gone_on_from(self) -> None:
        self.begin()
        self.post(previous_response_id=self.work_id)
        error = self.connection.response.error
        self.assertEqual((error["code"], error["param"]), ("response_in_progress", "previous_response_id"))

    def test_a_store_that_fails_is_a_500(self) -> None:
        id = self.keep()
        self.store.fail()
        self.post(previous_response_id=id)
        self.assertEqual(self.connection.response.status, 500)
        self.assert_nothing_running()


class TestTerms(ArchiveCase):
    def test_a_mode_is_asked_for_by_a_header_and_kept_with_the_answer(self) -> None:
        body = {"model": "gpt-5", "input": "hi", "stream": True, "background": True}
        self.connection.request("POST", RESPONSES, body, x_codexd_compatibility="tool-events")
        self.server.backend.turns[0].emit(*text_answer())
        self.assertEqual(event_types(self.connection)[-1], "done")
        self.assertEqual(self.follow(self.response_id).response.body, self.connection.response.body)

    def test_one_that_there_is_not_is_400(self) -> None:
        self.connection.request("POST", RESPONSES, {"model": "gpt-5", "input": "hi"}, x_codexd_compatibility="x")
        self.assertEqual(self.connection.response.error["param"], "x-codexd-compatibility")
