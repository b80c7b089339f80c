"""Tests of the output items of the Responses dialect."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.answer_plan import (
    AnswerPlan,
    CompletedEnding,
    IncompleteEnding,
    ScriptedCall,
    ScriptedItem,
    ScriptedMessage,
    ScriptedReasoning,
    ScriptedSearch,
    ScriptedUsage,
)
from codexd.scripted.response_items import build_item

ITEMS: tuple[ScriptedItem, ...] = (
    ScriptedReasoning(("hm",)),
    ScriptedMessage(("a ", "b")),
    ScriptedCall("f", ("{}",)),
    ScriptedCall("raw", ("x",), custom=True),
)
PLAN = AnswerPlan(items=ITEMS, ending=CompletedEnding(), usage=ScriptedUsage(0, 0, 0, 0), seed="seed")


class ItemTests(SynchronousTestCase):
    def test_an_item_keeps_its_id_and_type(self) -> None:
        for position in range(len(ITEMS)):
            shown = build_item(PLAN, position)
            for member in ("id", "type", "call_id", "name", "role"):
                self.assertEqual(shown.opened.get(member), shown.finished.get(member))
            self.assertEqual(shown.common["item_id"], shown.opened["id"])
            self.assertEqual(shown.common["output_index"], position)

    def test_an_item_is_added_empty_and_done_with_its_content(self) -> None:
        full = {
            "summary": [{"type": "summary_text", "text": "hm"}],
            "content": [{"type": "output_text", "text": "a b", "annotations": [], "logprobs": []}],
            "arguments": "{}",
            "input": "x",
        }
        for position, (member, value) in enumerate(full.items()):
            shown = build_item(PLAN, position)
            self.assertEqual((shown.opened[member], shown.finished[member]), (type(value)(), value))

    def test_the_done_event_of_a_function_s_arguments_has_its_name(self) -> None:
        ((_, function),) = build_item(PLAN, 2).closing
        ((_, custom),) = build_item(PLAN, 3).closing
        self.assertEqual(function, {"name": "f", "arguments": "{}"})
        self.assertEqual(custom, {"input": "x"})

    def test_only_the_last_message_is_incomplete(self) -> None:
        plan = evolve(
            PLAN,
            items=(ScriptedMessage(("a",)), ScriptedMessage(("b",))),
            ending=IncompleteEnding("content_filter"),
        )
        self.assertEqual([build_item(plan, at).finished["status"] for at in (0, 1)], ["completed", "incomplete"])

    def test_a_search_has_its_stages_and_no_deltas(self) -> None:
        plan = evolve(PLAN, items=(ScriptedSearch("a"),))
        shown = build_item(plan, 0)
        stages = [name.removeprefix("response.web_search_call.") for name, _ in (*shown.opening, *shown.closing)]
        self.assertEqual(stages, ["in_progress", "searching", "completed"])
        self.assertEqual(shown.finished["action"], {"type": "search", "query": "a", "queries": ["a"]})
        self.assertEqual((plan.items[0].deltas, shown.finished["status"]), ((), "completed"))

    def test_a_message_cites_its_source_for_the_whole_text(self) -> None:
        shown = build_item(evolve(PLAN, items=(ScriptedMessage(("a ", "b"), source="https://a.org"),)), 0)
        (name, members), *_ = shown.closing
        annotation = members["annotation"]
        self.assertEqual(name, "response.output_text.annotation.added")
        self.assertEqual(
            (annotation["url"], annotation["start_index"], annotation["end_index"]), ("https://a.org", 0, 3)
        )
        self.assertEqual(shown.finished["content"][0]["annotations"], [annotation])

    def test_every_item_has_its_own_id(self) -> None:
        ids = [build_item(PLAN, at).finished["id"] for at in range(len(ITEMS))]
        self.assertEqual([name.partition("_")[0] for name in ids], ["rs", "msg", "fc", "ctc"])
        calls = [build_item(PLAN, at).finished["call_id"] for at in (2, 3)]
        self.assertEqual(len({*ids, *calls}), 6)
