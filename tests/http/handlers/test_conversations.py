from typing import Any

from codexd.settings import Http
from tests.support.fake_backend import text_answer
from tests.support.http_cases import RESPONSES, ResponsesCase
from tests.support.in_memory_server import InMemoryServer, Response

PATH = "/v1/conversations"


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text}


class ConversationsCase(ResponsesCase):
    def create(self, *texts: str, **fields: object) -> str:
        """Make a conversation, and give its id."""
        body = {"items": [said(text) for text in texts]} | fields
        return str(self.server.request("POST", PATH, body).json["id"])

    def items(self, id: str, query: str = "?order=asc") -> list[dict[str, Any]]:
        return list(self.server.request("GET", f"{PATH}/{id}/items{query}").json["data"])

    def texts(self, id: str, query: str = "?order=asc") -> list[str]:
        return [item["content"][0]["text"] for item in self.items(id, query)]

    def missing(self, response: Response, what: str) -> None:
        self.assertEqual(response.status, 404)
        self.assertEqual(response.error["message"], f"{what} not found.")


class TestConversations(ConversationsCase):
    def test_one_is_made_with_items_and_shown(self) -> None:
        made = self.server.request("POST", PATH, {"items": [said("a")], "metadata": {"k": "v"}})
        self.assertEqual(made.status, 200)
        self.assertEqual((made.json["object"], made.json["metadata"]), ("conversation", {"k": "v"}))
        self.assertEqual(self.server.request("GET", f"{PATH}/{made.json['id']}").body, made.body)
        self.assertEqual(self.texts(made.json["id"]), ["a"])

    def test_it_is_told_when_it_is_kept(self) -> None:
        self.store.delay_calls()
        self.connection.request("POST", PATH, {})
        self.assertEqual(self.connection.received, b"")
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.response.status, 200)

    def test_what_is_not_kept_is_not_told(self) -> None:
        self.store.fail()
        self.assertEqual(self.server.request("POST", PATH, {}).status, 500)

    def test_its_metadata_is_changed_and_its_items_stay(self) -> None:
        id = self.create("a")
        changed = self.server.request("POST", f"{PATH}/{id}", {"metadata": {"k": "w"}})
        self.assertEqual(changed.json["metadata"], {"k": "w"})
        self.assertEqual(self.server.request("GET", f"{PATH}/{id}").body, changed.body)
        self.assertEqual(self.texts(id), ["a"])

    def test_deleted_it_is_gone_and_its_answers_stay(self) -> None:
        id = self.create()
        self.ask(conversation=id).emit(*text_answer())
        deleted = self.server.request("DELETE", f"{PATH}/{id}")
        self.assertEqual(deleted.json, {"id": id, "object": "conversation.deleted", "deleted": True})
        self.missing(self.server.request("GET", f"{PATH}/{id}"), f"Conversation with id '{id}'")
        self.assertEqual(self.get(self.response_id).status, 200)

    def test_one_that_is_deleted_while_it_is_changed_does_not_come_back(self) -> None:
        for path, body in (("/items", {"items": [said("b")]}), ("", {"metadata": {"k": "v"}})):
            id = self.create("a")
            changing, deleting = self.server.connect(), self.server.connect()
            self.store.delay_calls()
            changing.request("POST", f"{PATH}/{id}{path}", body)
            deleting.request("DELETE", f"{PATH}/{id}")
            self.store.run_delayed_calls()
            self.assertEqual((changing.response.status, deleting.response.status), (404, 200))
            self.assertEqual(self.server.request("GET", f"{PATH}/{id}").status, 404)

    def test_items_that_are_added_leave_the_metadata_as_it_is_by_then(self) -> None:
        id = self.create("a")
        adding, changing = self.server.connect(), self.server.connect()
        self.store.delay_calls()
        changing.request("POST", f"{PATH}/{id}", {"metadata": {"k": "v"}})
        adding.request("POST", f"{PATH}/{id}/items", {"items": [said("b")]})
        self.store.run_delayed_calls()
        self.assertEqual(self.server.request("GET", f"{PATH}/{id}").json["metadata"], {"k": "v"})
        self.assertEqual(self.texts(id), ["a", "b"])

    def test_an_answer_in_it_goes_on_from_it_and_becomes_a_part_of_it(self) -> None:
        id = self.create("a")
        turn = self.ask(conversation=id, input="b")
        self.assertEqual([item.parts[0].text for item in turn.turn.items], ["a", "b"])
        turn.emit(*text_answer())
        self.assertEqual(self.texts(id), ["a", "b", "Hello"])
        self.assertEqual(self.connection.response.json["conversation"], {"id": id})

    def test_what_is_wrong_with_a_body_is_said(self) -> None:
        id = self.create()
        for path, body, param in (
            (PATH, {"metadata": 1}, "metadata"),
            (f"{PATH}/{id}", {}, "metadata"),
            (f"{PATH}/{id}/items", {}, "items"),
        ):
            response = self.server.request("POST", path, body)
            self.assertEqual((response.status, response.error["param"]), (400, param), path)


class TestItems(ConversationsCase):
    def test_some_are_added_at_the_end(self) -> None:
        id = self.create("a")
        added = self.server.request("POST", f"{PATH}/{id}/items", {"items": [said("b"), said("c")]}).json
        self.assertEqual([item["content"][0]["text"] for item in added["data"]], ["b", "c"])
        self.assertEqual((added["object"], added["has_more"]), ("list", False))
        self.assertEqual(self.texts(id), ["a", "b", "c"])

    def test_they_are_listed_in_pages_newest_first(self) -> None:
        id = self.create("a", "b", "c")
        self.assertEqual(self.texts(id, "?limit=2"), ["c", "b"])
        after = self.items(id, "?limit=2")[-1]["id"]
        self.assertEqual(self.texts(id, f"?after={after}"), ["a"])

    def test_one_is_shown(self) -> None:
        id = self.create("a", "b")
        first, _ = self.items(id)
        self.assertEqual(self.server.request("GET", f"{PATH}/{id}/items/{first['id']}").json, first)

    def test_one_is_taken_out_and_the_conversation_shown(self) -> None:
        id = self.create("a", "b")
        first, _ = self.items(id)
        response = self.server.request("DELETE", f"{PATH}/{id}/items/{first['id']}")
        self.assertEqual(response.json["object"], "conversation")
        self.assertEqual(self.texts(id), ["b"])

    def test_one_that_is_not_there_is_404(self) -> None:
        id = self.create("a")
        for method in ("GET", "DELETE"):
            self.missing(self.server.request(method, f"{PATH}/{id}/items/msg_0"), "Item with id 'msg_0'")


class TestWhoseTheyAre(ConversationsCase):
    paths = (
        ("GET", "", None),
        ("POST", "", {"metadata": {}}),
        ("DELETE", "", None),
        ("GET", "/items", None),
        ("POST", "/items", {"items": [said("a")]}),
        ("GET", "/items/msg_0", None),
        ("DELETE", "/items/msg_0", None),
    )

    def test_what_is_not_there_is_404_everywhere(self) -> None:
        for method, under, body in self.paths:
            response = self.server.request(method, f"{PATH}/conv_0{under}", body)
            self.missing(response, "Conversation with id 'conv_0'")

    def test_what_is_somebody_elses_is_not_there(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine", "yours"))))
        id = self.server.request("POST", PATH, {"items": [said("a")]}, x_api_key="mine").json["id"]
        for method, under, body in self.paths:
            response = self.server.request(method, f"{PATH}/{id}{under}", body, x_api_key="yours")
            self.missing(response, f"Conversation with id '{id}'")
        asked = {"model": "gpt-5", "input": "hi", "conversation": id}
        self.missing(self.server.request("POST", RESPONSES, asked, x_api_key="yours"), f"Conversation with id '{id}'")

    def test_nobody_unknown_gets_that_far(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine",))))
        for method, under, body in self.paths:
            self.assertEqual(self.server.request(method, f"{PATH}/conv_0{under}", body).status, 401, under)
        self.assertEqual(self.server.request("POST", PATH, {}).status, 401)
        self.assertEqual(self.store.calls, ["load_unfinished"])
