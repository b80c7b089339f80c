"""codexd.fronts.responses.stream: a sentence as a Responses stream."""

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.dialect import StreamEvent
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from codexd.wire.json import Json, decode
from tests.support import responses_stream
from tests.support.framing import build_folding_encoder, framed
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import decode_request
from tests.support.sentences import Sentence, broken_sentences, sentences

SEALED = decode_request(include=["reasoning.encrypted_content"], instructions="be brief")
PLAIN = decode_request()
USAGE = e.UsageReported(e.Usage(input_tokens=1, cached_tokens=0, cache_write_tokens=0, output_tokens=2))

EXCHANGES = st.sampled_from((PLAIN, SEALED))


def streamed(events: Iterable[e.Event], decoded: Any = PLAIN) -> list[StreamEvent]:
    """Return the stream events of a sentence."""
    encoder = build_folding_encoder(decoded, RESPONSES_IDENTITY)
    return [one for event in events for one in encoder.feed(event)]


def heard(*events: e.Event) -> list[Json]:
    """Return the stream events of a response with these events, between its beginning and its end."""
    return responses_stream.read(framed(streamed((e.Began(), *events, USAGE, e.Ended("stop")))))


def outline(events: list[Json]) -> list[str]:
    """Return the event types without the common beginning and end."""
    return [event["type"].removeprefix("response.") for event in events[2:-1]]


class LawTests(SynchronousTestCase):
    """Laws of every response."""

    @given(sentences(), EXCHANGES)
    def test_the_stream_accumulates_to_the_complete_response(self, sentence: Sentence, decoded: Any) -> None:
        events = responses_stream.read(framed(streamed(sentence, decoded)))
        whole = decode(decoded.render((fold(sentence),), RESPONSES_IDENTITY))
        self.assertEqual(responses_stream.accumulate(events), whole)

    @given(broken_sentences(), EXCHANGES)
    def test_a_broken_stream_accumulates_to_the_content_so_far(self, sentence: Sentence, decoded: Any) -> None:
        events = responses_stream.read(framed(streamed(sentence, decoded)))
        whole = decode(decoded.render((fold(sentence),), RESPONSES_IDENTITY))
        self.assertEqual(responses_stream.accumulate(events), whole)

    @given(sentences() | broken_sentences(), EXCHANGES)
    def test_events_come_in_the_order_of_the_contract(self, sentence: Sentence, decoded: Any) -> None:
        responses_stream.check(responses_stream.read(framed(streamed(sentence, decoded))))

    @given(sentences() | broken_sentences())
    def test_every_event_has_its_type_as_name_and_no_newline(self, sentence: Sentence) -> None:
        for name, data in streamed(sentence):
            self.assertEqual((decode(data)["type"].encode(), data.count(b"\n")), (name, 0))

    @given(sentences() | broken_sentences(begun=True), st.data())
    def test_keepalives_are_numbered_and_change_nothing(self, sentence: Sentence, data: st.DataObject) -> None:
        encoder = build_folding_encoder(PLAIN, RESPONSES_IDENTITY)
        written: list[StreamEvent] = []
        for event in sentence:
            kept_alive = [encoder.keep_alive() for _ in range(data.draw(st.integers(0, 2)))]
            written += [one for one in kept_alive if one is not None]
            written += encoder.feed(event)
        events = responses_stream.read(framed(written))
        self.assertEqual([event["sequence_number"] for event in events], list(range(len(events))))
        self.assertEqual(events[0]["type"], "response.created")
        self.assertEqual(
            responses_stream.accumulate(event for event in events if event["type"] != "keepalive"),
            responses_stream.accumulate(responses_stream.read(framed(streamed(sentence)))),
        )


class QueuedTests(SynchronousTestCase):
    """A stream that begins before the model does."""

    def stages(self, *events: e.Event) -> list[tuple[str, str]]:
        encoder = build_folding_encoder(decode_request(background=True), RESPONSES_IDENTITY)
        written = [*encoder.queued(), *(one for event in events for one in encoder.feed(event))]
        read = responses_stream.read(framed(written))
        self.assertEqual([event["sequence_number"] for event in read], list(range(len(read))))
        return [(event["type"].removeprefix("response."), event["response"]["status"]) for event in read]

    begun = (("created", "queued"), ("queued", "queued"))

    def test_the_response_is_queued_then_in_progress_then_ends(self) -> None:
        stages = self.stages(e.Began(), USAGE, e.Ended("stop"))
        self.assertEqual(stages, [*self.begun, ("in_progress", "in_progress"), ("completed", "completed")])

    def test_a_response_that_fails_in_the_queue_was_never_in_progress(self) -> None:
        self.assertEqual(self.stages(e.Failed(fault("busy"))), [*self.begun, ("failed", "failed")])

    def test_a_cancelled_response_ends_incomplete_as_openai_has_no_other_event_for_it(self) -> None:
        stages = self.stages(e.Began(), e.Failed(fault("cancelled")))
        self.assertEqual(stages[-1], ("incomplete", "cancelled"))


class OrderTests(SynchronousTestCase):
    """Each kind of item, written out once."""

    def test_a_response_begins_and_ends(self) -> None:
        events = heard()
        kinds = ["response.created", "response.in_progress", "response.completed"]
        self.assertEqual([event["type"] for event in events], kinds)
        self.assertEqual([event["response"]["usage"] is None for event in events], [True, True, False])
        self.assertEqual([event["response"]["status"] for event in events[:2]], ["in_progress"] * 2)

    def test_a_message(self) -> None:
        opened = e.MessageOpened(0, "msg_1", "final_answer")
        events = heard(opened, e.TextDelta(0, "ha"), e.TextDelta(0, "ha"), e.MessageClosed(0))
        item = {
            "id": "msg_1",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
            "phase": "final_answer",
        }
        empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        whole = empty | {"text": "haha"}
        delta = {"type": "response.output_text.delta", **place, "delta": "ha", "logprobs": []}
        expected = [
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.content_part.added", **place, "part": empty},
            delta,
            delta,
            {"type": "response.output_text.done", **place, "text": "haha", "logprobs": []},
            {"type": "response.content_part.done", **place, "part": whole},
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": item | {"status": "completed", "content": [whole]},
            },
        ]
        numbered = [event | {"sequence_number": number} for number, event in enumerate(expected, 2)]
        self.assertEqual(events[2:-1], numbered)

    def test_an_empty_message_has_one_empty_part(self) -> None:
        events = heard(e.MessageOpened(0, "msg_1"), e.MessageClosed(0))
        framed = ["content_part.added", "output_text.done", "content_part.done"]
        self.assertEqual(outline(events), ["output_item.added", *framed, "output_item.done"])

    def test_a_refusal_after_text_is_a_part_of_its_own(self) -> None:
        said = (e.TextDelta(0, "well"), e.RefusalDelta(0, "n"), e.RefusalDelta(0, "o"), e.MessageClosed(0))
        events = heard(e.MessageOpened(0, "msg_1"), *said)
        text = ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]
        refused = ["content_part.added", *["refusal.delta"] * 2, "refusal.done", "content_part.done"]
        self.assertEqual(outline(events), ["output_item.added", *text, *refused, "output_item.done"])
        self.assertEqual([event.get("content_index") for event in events[3:12]], [0] * 4 + [1] * 5)

    def test_reasoning_has_several_summary_parts_and_encrypted_content_on_request(self) -> None:
        said = (
            e.ReasoningOpened(0, "rs_1"),
            e.SummaryDelta(0, 0, "a"),
            e.SummaryDelta(0, 1, "b"),
            e.ThoughtDelta(0, 0, "c"),
            e.ReasoningClosed(0, "sealed"),
        )
        part = [
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
        ]
        thought = ["content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done"]
        whole = [*part, *part[:2], *thought[:2], *part[2:], *thought[2:]]
        self.assertEqual(outline(heard(*said)), ["output_item.added", *whole, "output_item.done"])
        written = streamed((e.Began(), *said), SEALED)
        self.assertEqual(decode(written[-1][1])["item"]["encrypted_content"], "sealed")

    def test_a_search_has_its_stages_and_its_action(self) -> None:
        events = heard(e.SearchOpened(0, "ws_1"), e.SearchClosed(0, '{"type":"open_page","url":"u"}'))
        stages = [f"web_search_call.{stage}" for stage in ("in_progress", "searching", "completed")]
        self.assertEqual(outline(events), ["output_item.added", *stages, "output_item.done"])
        self.assertEqual([(event["item_id"], event["output_index"]) for event in events[3:6]], [("ws_1", 0)] * 3)
        item = {
            "id": "ws_1",
            "type": "web_search_call",
            "status": "in_progress",
            "action": {"type": "search"},
        }
        self.assertEqual(events[2]["item"], item)
        done = {"status": "completed", "action": {"type": "open_page", "url": "u"}}
        self.assertEqual(events[6]["item"], item | done)

    def test_an_incomplete_search_is_never_completed(self) -> None:
        events = heard(e.SearchOpened(0, "ws_1"), e.SearchClosed(0, complete=False))
        stages = [f"web_search_call.{stage}" for stage in ("in_progress", "searching")]
        self.assertEqual(outline(events), ["output_item.added", *stages, "output_item.done"])
        self.assertEqual(events[-2]["item"]["status"], "incomplete")

    def test_annotations_are_numbered_within_their_part_and_in_the_whole(self) -> None:
        noted = (e.Annotated(0, '{"n":1}'), e.TextDelta(0, "a"), e.Annotated(0, '{"n":2}'))
        events = heard(e.MessageOpened(0, "msg_1"), *noted, e.MessageClosed(0))
        said = ["output_text.annotation.added", "output_text.delta", "output_text.annotation.added"]
        ends = ["output_text.done", "content_part.done", "output_item.done"]
        self.assertEqual(outline(events), ["output_item.added", "content_part.added", *said, *ends])
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        second = {"type": "response.output_text.annotation.added", **place, "annotation_index": 1}
        self.assertEqual(events[6], second | {"annotation": {"n": 2}, "sequence_number": 6})
        self.assertEqual(events[8]["part"]["annotations"], [{"n": 1}, {"n": 2}])

    def test_log_probabilities_are_in_the_delta_and_in_the_complete_part(self) -> None:
        said = (e.TextDelta(0, "a", '[{"token":"a"}]'), e.TextDelta(0, "b"), e.TextDelta(0, "c", "[1]"))
        events = heard(e.MessageOpened(0, "msg_1"), *said, e.MessageClosed(0))
        told = [event["logprobs"] for event in events if event["type"].endswith("output_text.delta")]
        self.assertEqual(told, [[{"token": "a"}], [], [1]])
        for whole in (events[7], events[8]["part"], events[9]["item"]["content"][0]):
            self.assertEqual((whole["text"], whole["logprobs"]), ("abc", [{"token": "a"}, 1]))

    def test_the_arguments_done_event_has_the_functions_name(self) -> None:
        opened = e.CallOpened(index=0, id="fc_1", call_id="call_1", name="f", namespace="n")
        events = heard(opened, e.CallDelta(0, "{"), e.CallDelta(0, "}"), e.CallClosed(0))
        kinds = ["function_call_arguments.delta"] * 2 + ["function_call_arguments.done"]
        self.assertEqual(outline(events), ["output_item.added", *kinds, "output_item.done"])
        place = {"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 0}
        done = place | {"arguments": "{}", "name": "f", "sequence_number": 5}
        self.assertEqual(events[5], done)
        self.assertEqual(events[2]["item"]["namespace"], "n")

    def test_a_custom_call_has_raw_input(self) -> None:
        events = heard(
            e.CallOpened(index=0, id="ctc_1", call_id="call_1", name="f", kind="custom"),
            e.CallDelta(0, "*** Begin"),
            e.CallClosed(0),
        )
        kinds = ["custom_tool_call_input.delta", "custom_tool_call_input.done"]
        self.assertEqual(outline(events), ["output_item.added", *kinds, "output_item.done"])
        self.assertEqual(events[4]["input"], "*** Begin")


class EndTests(SynchronousTestCase):
    """Exactly one terminal event, with the true status."""

    def last(self, *events: e.Event) -> Json:
        """Return the terminal event of a response with the text `hal` and then these events."""
        said = (e.Began(), e.MessageOpened(0, "msg_1"), e.TextDelta(0, "hal"), *events)
        return responses_stream.read(framed(streamed(said)))[-1]

    def test_a_response_at_its_limit_is_incomplete_and_so_is_its_message(self) -> None:
        last = self.last(e.MessageClosed(0, complete=False), USAGE, e.Ended("length"))
        self.assertEqual(last["type"], "response.incomplete")
        self.assertEqual(last["response"]["incomplete_details"], {"reason": "max_output_tokens"})
        self.assertEqual(last["response"]["output"][0]["status"], "incomplete")

    def test_a_filtered_response_is_incomplete(self) -> None:
        last = self.last(e.MessageClosed(0), e.Ended("content_filter"))
        self.assertEqual(last["type"], "response.incomplete")
        self.assertEqual(last["response"]["incomplete_details"], {"reason": "content_filter"})

    def test_a_response_that_ends_in_tool_calls_is_completed(self) -> None:
        self.assertEqual(self.last(e.MessageClosed(0), e.Ended("tool_calls"))["type"], "response.completed")

    def test_a_failure_shows_its_error_and_the_content_so_far(self) -> None:
        last = self.last(e.Failed(fault("child_died")))
        self.assertEqual((last["type"], last["response"]["status"]), ("response.failed", "failed"))
        message = fault("child_died").message
        error = {"code": "server_error", "message": message, "type": "server_error"}
        self.assertEqual(last["response"]["error"], error)
        (item,) = last["response"]["output"]
        self.assertEqual((item["status"], item["content"][0]["text"]), ("incomplete", "hal"))
        self.assertNotIn("error", last)

    def test_a_failure_after_comments_only_is_a_complete_stream(self) -> None:
        encoder = build_folding_encoder(PLAIN, RESPONSES_IDENTITY)
        self.assertIsNone(encoder.keep_alive())
        events = responses_stream.read(framed(encoder.feed(e.Failed(fault("no_first_event")))))
        responses_stream.check(events)
        statuses = [event["response"]["status"] for event in events]
        self.assertEqual(statuses, ["in_progress", "in_progress", "failed"])

    def test_a_keepalive_is_an_event_once_the_response_has_begun(self) -> None:
        encoder = build_folding_encoder(PLAIN, RESPONSES_IDENTITY)
        encoder.feed(e.Began())
        expected = (b"keepalive", b'{"type":"keepalive","sequence_number":2}')
        self.assertEqual(encoder.keep_alive(), expected)
