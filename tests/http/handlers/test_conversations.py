from typing import Any

from codexd.settings import Http
from tests.support.fake_backend import text_answer
from tests.support.http_cases import RESPONSES, ResponsesTestCase
from tests.support.in_memory_server import InMemoryServer, Response

PATH = "/v1/conversations"


def user_item(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text}


class ConversationsTestCase(ResponsesTestCase):
    def create(self, *texts: str, **fields: object) -> str:
        """Create a conversation and return its id."""
        body = {"items": [user_item(text) for text in texts]} | fields
        return str(self.server.request("POST", PATH, body).json["id"])

    def items(self, id: str, query: str = "?order=asc") -> list[dict[str, Any]]:
        return list(self.server.request("GET", f"{PATH}/{id}/items{query}").json["data"])

    def texts(self, id: str, query: str = "?order=asc") -> list[str]:
        return [item["content"][0]["text"] for item in self.items(id, query)]

    def assert_missing(self, response: Response, what: str) -> None:
        self.assertEqual(response.status, 404)
        self.assertEqual(response.error["message"], f"{what} not found.")


class ConversationTests(ConversationsTestCase):
    def test_a_conversation_is_created_with_items_and_retrieved(self) -> None:
        created = self.server.request("POST", PATH, {"items": [user_item("a")], "metadata": {"k": "v"}})
        self.assertEqual(created.status, 200)
        self.assertEqual((created.json["object"], created.json["metadata"]), ("conversation", {"k": "v"}))
        self.assertEqual(self.server.request("GET", f"{PATH}/{created.json['id']}").body, created.body)
        self.assertEqual(self.texts(created.json["id"]), ["a"])

    def test_items_that_no_model_will_see_are_listed_in_a_header(self) -> None:
        items = [user_item("a"), {"type": "mcp_call", "id": "mcp_1"}]
        created = self.server.request("POST", PATH, {"items": items})
        added = self.server.request("POST", f"{PATH}/{created.json['id']}/items", {"items": items})
        for response in (created, added):
            self.assertEqual((response.status, response.headers["x-codexd-ignored"]), (200, "items[1] (mcp_call)"))

    def test_a_conversation_is_sent_after_it_was_stored(self) -> None:
        self.store.delay_calls()
        self.connection.request("POST", PATH, {})
        self.assertEqual(self.connection.received, b"")
        self.store.run_delayed_calls()
        self.assertEqual(self.connection.response.status, 200)

    def test_a_conversation_that_cannot_be_stored_is_a_500(self) -> None:
        self.store.fail()
        self.assertEqual(self.server.request("POST", PATH, {}).status, 500)

    def test_updating_the_metadata_leaves_the_items(self) -> None:
        id = self.create("a")
        updated = self.server.request("POST", f"{PATH}/{id}", {"metadata": {"k": "w"}})
        self.assertEqual(updated.json["metadata"], {"k": "w"})
        self.assertEqual(self.server.request("GET", f"{PATH}/{id}").body, updated.body)
        self.assertEqual(self.texts(id), ["a"])

    def test_deleting_a_conversation_leaves_its_responses(self) -> None:
        id = self.create()
        self.ask(conversation=id).emit(*text_answer())
        deleted = self.server.request("DELETE", f"{PATH}/{id}")
        self.assertEqual(deleted.json, {"id": id, "object": "conversation.deleted", "deleted": True})
        self.assert_missing(self.server.request("GET", f"{PATH}/{id}"), f"Conversation with id '{id}'")
        self.assertEqual(self.get(self.response_id).status, 200)

    def test_a_conversation_that_is_deleted_during_an_update_stays_deleted(self) -> None:
        for path, body in (("/items", {"items": [user_item("b")]}), ("", {"metadata": {"k": "v"}})):
            id = self.create("a")
            updating, deleting = self.server.connect(), self.server.connect()
            self.store.delay_calls()
            updating.request("POST", f"{PATH}/{id}{path}", body)
            deleting.request("DELETE", f"{PATH}/{id}")
            self.store.run_delayed_calls()
            self.assertEqual((updating.response.status, deleting.response.status), (404, 200))
            self.assertEqual(self.server.request("GET", f"{PATH}/{id}").status, 404)

    def test_appending_items_does_not_overwrite_metadata_that_was_updated_meanwhile(self) -> None:
        id = self.create("a")
        appending, updating = self.server.connect(), self.server.connect()
        self.store.delay_calls()
        updating.request("POST", f"{PATH}/{id}", {"metadata": {"k": "v"}})
        appending.request("POST", f"{PATH}/{id}/items", {"items": [user_item("b")]})
        self.store.run_delayed_calls()
        self.assertEqual(self.server.request("GET", f"{PATH}/{id}").json["metadata"], {"k": "v"})
        self.assertEqual(self.texts(id), ["a", "b"])

    def test_a_response_in_a_conversation_continues_it_and_is_appended(self) -> None:
        id = self.create("a")
        turn = self.ask(conversation=id, input="b")
        self.assertEqual([item.parts[0].text for item in turn.turn.items], ["a", "b"])
        turn.emit(*text_answer())
        self.assertEqual(self.texts(id), ["a", "b", "Hello"])
        self.assertEqual(self.connection.response.json["conversation"], {"id": id})

    def test_an_invalid_body_is_400_and_names_the_field(self) -> None:
        id = self.create()
        for path, body, param in (
            (PATH, {"metadata": 1}, "metadata"),
            (f"{PATH}/{id}", {}, "metadata"),
            (f"{PATH}/{id}/items", {}, "items"),
        ):
            response = self.server.request("POST", path, body)
            self.assertEqual((response.status, response.error["param"]), (400, param), path)


class ConversationItemTests(ConversationsTestCase):
    def test_items_are_appended(self) -> None:
        id = self.create("a")
        appended = self.server.request("POST", f"{PATH}/{id}/items", {"items": [user_item("b"), user_item("c")]}).json
        self.assertEqual([item["content"][0]["text"] for item in appended["data"]], ["b", "c"])
        self.assertEqual((appended["object"], appended["has_more"]), ("list", False))
        self.assertEqual(self.texts(id), ["a", "b", "c"])

    def test_items_are_listed_in_pages_newest_first(self) -> None:
        id = self.create("a", "b", "c")
        self.assertEqual(self.texts(id, "?limit=2"), ["c", "b"])
        after = self.items(id, "?limit=2")[-1]["id"]
        self.assertEqual(self.texts(id, f"?after={after}"), ["a"])

    def test_one_item_is_retrieved(self) -> None:
        id = self.create("a", "b")
        first, _ = self.items(id)
        self.assertEqual(self.server.request("GET", f"{PATH}/{id}/items/{first['id']}").json, first)

    def test_an_item_is_removed_and_the_conversation_sent(self) -> None:
        id = self.create("a", "b")
        first, _ = self.items(id)
        response = self.server.request("DELETE", f"{PATH}/{id}/items/{first['id']}")
        self.assertEqual(response.json["object"], "conversation")
        self.assertEqual(self.texts(id), ["b"])

    def test_an_unknown_item_is_404(self) -> None:
        id = self.create("a")
        for method in ("GET", "DELETE"):
            self.assert_missing(self.server.request(method, f"{PATH}/{id}/items/msg_0"), "Item with id 'msg_0'")


class OwnershipTests(ConversationsTestCase):
    paths = (
        ("GET", "", None),
        ("POST", "", {"metadata": {}}),
        ("DELETE", "", None),
        ("GET", "/items", None),
        ("POST", "/items", {"items": [user_item("a")]}),
        ("GET", "/items/msg_0", None),
        ("DELETE", "/items/msg_0", None),
    )

    def test_an_unknown_id_is_404_everywhere(self) -> None:
        for method, under, body in self.paths:
            response = self.server.request(method, f"{PATH}/conv_0{under}", body)
            self.assert_missing(response, "Conversation with id 'conv_0'")

    def test_an_object_of_another_caller_is_404(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine", "yours"))))
        id = self.server.request("POST", PATH, {"items": [user_item("a")]}, x_api_key="mine").json["id"]
        for method, under, body in self.paths:
            response = self.server.request(method, f"{PATH}/{id}{under}", body, x_api_key="yours")
            self.assert_missing(response, f"Conversation with id '{id}'")
        body = {"model": "gpt-5", "input": "hi", "conversation": id}
        self.assert_missing(
            self.server.request("POST", RESPONSES, body, x_api_key="yours"), f"Conversation with id '{id}'"
        )

    def test_an_unknown_caller_does_not_reach_the_store(self) -> None:
        self.open(InMemoryServer(Http(api_keys=("mine",))))
        for method, under, body in self.paths:
            self.assertEqual(self.server.request(method, f"{PATH}/conv_0{under}", body).status, 401, under)
        self.assertEqual(self.server.request("POST", PATH, {}).status, 401)
        self.assertEqual(self.store.calls, ["load_unfinished"])
