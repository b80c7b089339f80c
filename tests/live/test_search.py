"""Web searches with the pinned Codex: the provider sees the tool, the client what was found."""

from codexd.scripted.script import SOURCE
from codexd.wire.json import Json, encode
from tests.support import seen
from tests.support.homes import MEDDLING
from tests.support.live import CHAT, RESPONSES, LiveTestCase, user

TEXT = "found: the weather"
CITED: Json = {
    "type": "url_citation",
    "url": SOURCE,
    "title": "What was found",
    "start_index": 0,
    "end_index": len(TEXT),
}
ACTION: Json = {"type": "search", "query": "the weather", "queries": ["the weather"]}


class SearchTests(LiveTestCase):
    kind = MEDDLING

    def ask(self, **fields: Json) -> list[Json]:
        """Ask by the Responses door; give the output."""
        answer = self.daemon.post(RESPONSES, {"model": self.daemon.model, "store": False} | fields)
        self.assertEqual(answer.status, 200, answer.body)
        output: list[Json] = answer.json["output"]
        return output

    def test_the_provider_sees_the_tool_as_the_client_asked_for_it_and_nothing_else(self) -> None:
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
            shown = seen.tools(self.daemon.asked)
            self.assertEqual(list(shown), ["web_search"])
            kinds = {"type": "web_search", "search_content_types": ["text", "image"]}
            self.assertEqual(shown["web_search"], kinds | given)
            self.assertNotIn(b"LEAK", encode(self.daemon.asked))

    def test_without_being_asked_for_it_is_not_offered(self) -> None:
        self.assertEqual(self.daemon.say("search: the weather"), "no tool web_search")
        self.assertEqual(seen.tools(self.daemon.asked), {})

    def test_what_was_searched_and_found_reaches_the_client_and_goes_back(self) -> None:
        tools = [{"type": "web_search"}]
        search, message = self.ask(input="search: the weather", tools=tools)
        self.assertEqual((search["type"], search["status"]), ("web_search_call", "completed"))
        self.assertEqual(search["action"], ACTION)
        (part,) = message["content"]
        self.assertEqual((part["text"], part["annotations"]), (TEXT, [CITED]))
        again = [{"role": "user", "content": "search: the weather"}, search, message]
        # Other instructions: a thread of its own, to which all of it is told.
        self.ask(input=[*again, *user("say: hi")], tools=tools, instructions="Be brief.")
        _, _, called, said, _ = seen.items(self.daemon.asked)
        self.assertEqual(called, {"type": "web_search_call", "status": "completed", "action": ACTION})
        self.assertEqual(said["content"], [{"type": "output_text", "text": TEXT, "annotations": [CITED]}])

    def test_a_kept_answer_brings_all_of_it_back(self) -> None:
        """Phases and refusals as well: what is kept is read as it would be if the client sent it again."""
        refused = {"type": "refusal", "refusal": "No."}
        history = [
            *user("Do it."),
            {"role": "assistant", "phase": "commentary", "content": "Well."},
            {"role": "assistant", "content": [refused]},
            *user("search: the weather"),
        ]
        body = {"model": self.daemon.model, "tools": [{"type": "web_search"}]}
        first = self.daemon.post(RESPONSES, body | {"input": history}).json
        # Other instructions: a thread of its own, to which all of it is told.
        again = {"input": "say: hi", "previous_response_id": first["id"], "instructions": "Be brief."}
        answer = self.daemon.post(RESPONSES, body | again)
        self.assertEqual(answer.status, 200, answer.body)
        shown = seen.items(self.daemon.asked)
        texts = [("developer", "Be brief."), ("user", "Do it."), ("assistant", "Well."), ("assistant", "No.")]
        question = [("user", "search: the weather"), ("assistant", TEXT), ("user", "say: hi")]
        self.assertEqual(seen.texts(self.daemon.asked), [*texts, *question])
        self.assertEqual(shown[2]["phase"], "commentary")
        self.assertEqual(shown[5], {"type": "web_search_call", "status": "completed", "action": ACTION})
        self.assertEqual(shown[6]["content"][0]["annotations"], [CITED])

    def test_chat_shows_what_was_cited(self) -> None:
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
