"""Output items of the Responses dialect."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.scripted.items import item
from codexd.scripted.plan import Call, Completed, Incomplete, Message, Plan, Search, Step, Thought, Usage

STEPS: tuple[Step, ...] = (
    Thought(("hm",)),
    Message(("a ", "b")),
    Call("f", ("{}",)),
    Call("raw", ("x",), custom=True),
)
PLAN = Plan(STEPS, Completed(), Usage(0, 0, 0, 0), "seed")


class ItemTests(SynchronousTestCase):
    def test_an_item_keeps_its_identity_from_beginning_to_end(self) -> None:
        for position in range(len(STEPS)):
            shown = item(PLAN, position)
            for member in ("id", "type", "call_id", "name", "role"):
                self.assertEqual(shown.opened.get(member), shown.finished.get(member))
            self.assertEqual(shown.place["item_id"], shown.opened["id"])
            self.assertEqual(shown.place["output_index"], position)

    def test_an_item_is_announced_empty_and_finished_full(self) -> None:
        full = {
            "summary": [{"type": "summary_text", "text": "hm"}],
            "content": [{"type": "output_text", "text": "a b", "annotations": [], "logprobs": []}],
            "arguments": "{}",
            "input": "x",
        }
        for position, (member, value) in enumerate(full.items()):
            shown = item(PLAN, position)
            self.assertEqual((shown.opened[member], shown.finished[member]), (type(value)(), value))

    def test_the_end_of_a_function_s_arguments_names_the_function(self) -> None:
        ((_, function),) = item(PLAN, 2).closing
        ((_, custom),) = item(PLAN, 3).closing
        self.assertEqual(function, {"name": "f", "arguments": "{}"})
        self.assertEqual(custom, {"input": "x"})

    def test_only_the_last_message_is_cut_short(self) -> None:
        plan = evolve(PLAN, steps=(Message(("a",)), Message(("b",))), ending=Incomplete("content_filter"))
        self.assertEqual([item(plan, at).finished["status"] for at in (0, 1)], ["completed", "incomplete"])

    def test_a_search_tells_its_stages_and_has_no_deltas(self) -> None:
        plan = evolve(PLAN, steps=(Search("a"),))
        shown = item(plan, 0)
        stages = [
            name.removeprefix("response.web_search_call.") for name, _ in (*shown.opening, *shown.closing)
        ]
        self.assertEqual(stages, ["in_progress", "searching", "completed"])
        self.assertEqual(shown.finished["action"], {"type": "search", "query": "a", "queries": ["a"]})
        self.assertEqual((plan.steps[0].pieces, shown.finished["status"]), ((), "completed"))

    def test_a_message_cites_its_source_for_all_it_says(self) -> None:
        shown = item(evolve(PLAN, steps=(Message(("a ", "b"), source="https://a.org"),)), 0)
        (name, members), *_ = shown.closing
        note = members["annotation"]
        self.assertEqual(name, "response.output_text.annotation.added")
        self.assertEqual((note["url"], note["start_index"], note["end_index"]), ("https://a.org", 0, 3))
        self.assertEqual(shown.finished["content"][0]["annotations"], [note])

    def test_every_item_has_an_id_of_its_own(self) -> None:
        ids = [item(PLAN, at).finished["id"] for at in range(len(STEPS))]
        self.assertEqual([name.partition("_")[0] for name in ids], ["rs", "msg", "fc", "ctc"])
        calls = [item(PLAN, at).finished["call_id"] for at in (2, 3)]
        self.assertEqual(len({*ids, *calls}), 6)
