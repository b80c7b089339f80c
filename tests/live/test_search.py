"""Web searches with the pinned Codex: the provider receives the tool, the client the results."""

from codexd.scripted.script import SEARCH_RESULT_URL
from codexd.wire.json import Json, encode
from tests.support import provider_requests
from tests.support.customised_home import CUSTOMISED_HOME
from tests.support.live_daemon import CHAT, RESPONSES, LiveTestCase, user

TEXT = "found: the weather"
CITED: Json = {
    "type": "url_citation",
    "url": SEARCH_RESULT_URL,
    "title": "What was found",
    "start_index": 0,
    "end_index": len(TEXT),
}
ACTION: Json = {"type": "search", "query": "the weather", "queries": ["the weather"]}


class SearchTests(LiveTestCase):
    daemon_setup = CUSTOMISED_HOME

    def ask(self, **fields: Json) -> list[Json]:
        """Create a response and return its output."""
        answer = self.daemon.post(RESPONSES, {"model": self.daemon.model, "store": False} | fields)
        self.assertEqual(answer.status, 200, answer.body)
        output: list[Json] = answer.json["output"]
        return output

    def test_the_provider_receives_exactly_the_client_s_search_tool(self) -> None:
        place = {"type": "approximate", "country": "NO", "city": "Oslo"}
        held = {
            "search_context_size": "low",
            "filters": {"allowed_domains": ["a.org", "b.org"]},
            "user_location": place,
        }
        for asked, given in (
            ({}, {"external_web_access": True}),
            ({"external_web_access": False}, {"external_web_access": False}),
            (held, {"external_web_access": True, **held}),
        ):
            self.ask(input="say: hi", tools=[{"type": "web_search", **asked}])
            shown = provider_requests.tools(self.daemon.last_provider_request)
            self.assertEqual(list(shown), ["web_search"])
            kinds = {"type": "web_search", "search_content_types": ["text", "image"]}
            self.assertEqual(shown["web_search"], kinds | given)
            self.assertNotIn(b"LEAK", encode(self.daemon.last_provider_request))

    def test_the_search_tool_is_not_offered_by_default(self) -> None:
        self.assertEqual(self.daemon.chat_text("search: the weather"), "no tool web_search")
        self.assertEqual(provider_requests.tools(self.daemon.last_provider_request), {})

    def test_searches_and_citations_reach_the_client_and_are_replayed(self) -> None:
        tools = [{"type": "web_search"}]
        search, message = self.ask(input="search: the weather", tools=tools)
        self.assertEqual((search["type"], search["status"]), ("web_search_call", "completed"))
        self.assertEqual(search["action"], ACTION)
        (part,) = message["content"]
        self.assertEqual((part["text"], part["annotations"]), (TEXT, [CITED]))
        again = [{"role": "user", "content": "search: the weather"}, search, message]
        # Other instructions select a new thread, which receives the whole history.
        self.ask(input=[*again, *user("say: hi")], tools=tools, instructions="Be brief.")
        _, _, called, said, _ = provider_requests.items(self.daemon.last_provider_request)
        self.assertEqual(called, {"type": "web_search_call", "status": "completed", "action": ACTION})
        self.assertEqual(said["content"], [{"type": "output_text", "text": TEXT, "annotations": [CITED]}])

    def test_a_stored_answer_restores_all_items(self) -> None:
        """Phases and refusals too: stored items are replayed like items that the client sends."""
        refused = {"type": "refusal", "refusal": "No."}
        history = [
            *user("Do it."),
            {"role": "assistant", "phase": "commentary", "content": "Well."},
            {"role": "assistant", "content": [refused]},
            *user("search: the weather"),
        ]
        body = {"model": self.daemon.model, "tools": [{"type": "web_search"}]}
        first = self.daemon.post(RESPONSES, body | {"input": history}).json
        # Other instructions select a new thread, which receives the whole history.
        again = {"input": "say: hi", "previous_response_id": first["id"], "instructions": "Be brief."}
        answer = self.daemon.post(RESPONSES, body | again)
        self.assertEqual(answer.status, 200, answer.body)
        shown = provider_requests.items(self.daemon.last_provider_request)
        texts = [("developer", "Be brief."), ("user", "Do it."), ("assistant", "Well."), ("assistant", "No.")]
        question = [("user", "search: the weather"), ("assistant", TEXT), ("user", "say: hi")]
        self.assertEqual(provider_requests.texts(self.daemon.last_provider_request), [*texts, *question])
        self.assertEqual(shown[2]["phase"], "commentary")
        self.assertEqual(shown[5], {"type": "web_search_call", "status": "completed", "action": ACTION})
        self.assertEqual(shown[6]["content"][0]["annotations"], [CITED])

    def test_chat_returns_the_citations(self) -> None:
        body = {"model": self.daemon.model, "messages": user("search: the weather"), "web_search_options": {}}
        (choice,) = self.daemon.post(CHAT, body).json["choices"]
        cited = {name: value for name, value in CITED.items() if name != "type"}
        self.assertEqual(
            choice["message"],
            {
                "role": "assistant",
                "content": TEXT,
                "refusal": None,
                "annotations": [{"type": "url_citation", "url_citation": cited}],
            },
        )
