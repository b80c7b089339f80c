"""Whatever a server sends becomes one grammatical response."""

from typing import Any

from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.chat.capabilities import ServerCapabilities
from codexd.backs.chat.translator import ChatTranslator
from codexd.fronts.chat import DecodedChatRequest
from codexd.fronts.chat.objects import ChatOutputOptions
from codexd.fronts.dialect import ResponseIdentity
from codexd.fronts.openai import CHAT
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import Reply, fold
from codexd.neutral.turn import Reasoning, ReasoningOptions, Sampling, ToolChoice
from codexd.wire import json
from tests.support.chat_chunks import DONE, TURN, calls, check_sentence, chunk, fragments, frames, translate
from tests.support.chunking import chunkings
from tests.support.framing import build_folding_encoder, encode_stream
from tests.support.sentences import broken_sentences, sentences

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}
STAMP = ResponseIdentity("00ff", 1700000000, "m")
COUNTED = e.Usage(input_tokens=7, cached_tokens=2, cache_write_tokens=0, output_tokens=3)
END = frames(chunk({}, "stop")) + DONE
HELLO = frames(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}), chunk({"content": "lo"}))


def failure(events: list[e.Event]) -> str:
    last = events[-1]
    assert isinstance(last, e.Failed), events
    return last.fault.kind


def said(*chunks: dict[str, Any]) -> Reply:
    return fold(translate(frames(*chunks) + END))


class TextTests(SynchronousTestCase):
    def test_a_stream_is_one_message_with_its_usage(self) -> None:
        stream = HELLO + frames(chunk({}, "stop"), {"choices": [], "usage": USAGE}) + DONE
        expected = [
            e.Began(),
            e.MessageOpened(0, "msg_0a0b0000"),
            e.TextDelta(0, "Hel"),
            e.TextDelta(0, "lo"),
            e.MessageClosed(0),
            e.UsageReported(COUNTED),
            e.Ended("stop"),
        ]
        self.assertEqual(translate(stream), expected)

    def test_nothing_is_emitted_before_the_first_output(self) -> None:
        translator = ChatTranslator(TURN, ServerCapabilities(), "t")
        self.assertEqual(translator.receive(b": ping\n\n" + frames(chunk({"role": "assistant"}))), [])
        self.assertFalse(translator.began)
        self.assertEqual(translator.event_count, 1)

    def test_reasoning_in_any_field_ends_where_text_begins(self) -> None:
        for name in ("reasoning_content", "reasoning", "reasoning_text", "thinking"):
            events = translate(frames(chunk({name: "hm"}), chunk({"content": "so"})) + END)
            self.assertEqual(fold(events).reasoning, ("hm",), name)
            self.assertEqual([type(event) for event in events[3:5]], [e.ReasoningClosed, e.MessageOpened])

    def test_reasoning_in_two_fields_is_emitted_once(self) -> None:
        both = said(chunk({"reasoning": "hm", "reasoning_content": "hm"}), chunk({"content": "so"}))
        self.assertEqual((both.reasoning, both.text), (("hm",), "so"))

    def test_content_parts_are_parsed_by_their_kind(self) -> None:
        parts = [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "so"},
            {"type": "image_url", "image_url": {"url": "x"}},
        ]
        both = said(chunk({"content": parts}))
        self.assertEqual((both.reasoning, both.text), (("hm",), "so"))

    def test_text_after_a_refusal_starts_another_message(self) -> None:
        reply = said(chunk({"content": "a"}), chunk({"refusal": "no"}), chunk({"content": "b"}))
        self.assertEqual(len(reply.items), 2)
        self.assertEqual(reply.text, "ab")

    def test_annotations_are_converted_to_the_form_of_responses(self) -> None:
        cited = {"type": "url_citation", "url_citation": {"url": "u", "start_index": 0, "end_index": 1}}
        (part,) = said(chunk({"content": "a"}), chunk({"annotations": [cited]})).text_parts
        noted = [json.decode(one) for one in part.annotations]
        self.assertEqual(noted, [{"type": "url_citation", "url": "u", "start_index": 0, "end_index": 1}])

    def test_an_annotation_before_its_text_is_added_at_the_end(self) -> None:
        cited = {"type": "url_citation", "url_citation": {"url": "u", "start_index": 0, "end_index": 1}}
        (part,) = said(chunk({"annotations": [cited]}), chunk({"content": "a"})).text_parts
        self.assertEqual(len(part.annotations), 1)

    def test_sources_beside_the_text_become_citations_where_the_text_refers_to_them(self) -> None:
        sources = {"citations": ["https://a", {"url": "https://b", "title": "B"}, "https://a", 7]}
        cited = {"type": "url_citation", "url_citation": {"url": "https://c", "start_index": 0, "end_index": 1}}
        (part,) = said(
            chunk({"content": "x[2]"}, citations=["https://z"]), chunk({"annotations": [cited]}), chunk({}, **sources)
        ).text_parts
        found = [json.decode(one) for one in part.annotations]
        self.assertEqual(
            [(one["url"], one.get("title"), one["start_index"], one["end_index"]) for one in found],
            [("https://c", None, 0, 1), ("https://a", "", 4, 4), ("https://b", "B", 1, 4)],
        )

    def test_reasoning_is_a_summary_for_clients_that_request_one(self) -> None:
        thinking = frames(chunk({"reasoning": "hm"}), chunk({"content": "so"})) + END
        for summary, is_summary in (("auto", True), ("detailed", True), ("none", False), (None, False)):
            asked = evolve(TURN, reasoning=ReasoningOptions(summary=summary))
            item = fold(translate(thinking, turn=asked)).items[0]
            assert isinstance(item, Reasoning)
            self.assertEqual((item.summary, item.content), (("hm",), ()) if is_summary else ((), ("hm",)))

    def test_log_probabilities_are_passed_on_if_requested(self) -> None:
        entries = [{"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": []}]
        one = chunk({"content": "a"})
        one["choices"][0]["logprobs"] = {"content": entries, "refusal": None}
        asking = evolve(TURN, sampling=Sampling(logprobs=True))
        (part,) = fold(translate(frames(one) + END, turn=asking)).text_parts
        self.assertEqual(json.decode(part.logprobs or ""), entries)
        (part,) = fold(translate(frames(one) + END)).text_parts
        self.assertIsNone(part.logprobs)

    def test_all_choices_are_the_one_answer_that_was_requested(self) -> None:
        other = {"choices": [{"index": 1, "delta": {"content": "a"}}]}
        self.assertEqual(said(other, chunk({"content": "b"})).text, "ab")


class EndTests(SynchronousTestCase):
    def test_finish_reasons(self) -> None:
        finishes = {
            "stop": "stop",
            "length": "length",
            "content_filter": "content_filter",
            "tool_calls": "stop",
            "eos": "stop",
        }
        for reason, finish in finishes.items():
            events = translate(HELLO + frames(chunk({}, reason)) + DONE)
            self.assertEqual(events[-1], e.Ended(finish), reason)  # type: ignore[arg-type]
            self.assertEqual(fold(events).items[0].complete, finish == "stop", reason)

    def test_a_finish_reason_that_nobody_knows_is_a_failure_at_once(self) -> None:
        events = translate(HELLO + frames(chunk({}, "abort"), chunk({"content": "?"}), chunk({}, "stop")) + DONE)
        self.assertEqual((failure(events), fold(events).text), ("model_failed", "Hello"))
        self.assertEqual(len(translate(frames(chunk({"content": "Hel"}, "abort")))), 1)

    def test_a_cut_is_not_undone_by_another_finish_reason(self) -> None:
        for reasons in (("length", "stop"), ("stop", "length")):
            both = [{"index": at, "delta": {}, "finish_reason": reason} for at, reason in enumerate(reasons)]
            self.assertEqual(translate(HELLO + frames({"choices": both}) + DONE)[-1], e.Ended("length"))
            self.assertEqual(translate(HELLO + frames(*(chunk({}, one) for one in reasons)))[-1], e.Ended("length"))

    def test_a_call_that_was_cut_is_never_complete(self) -> None:
        for reason, arguments in (
            ("tool_calls", '{"a": "}'),
            ("stop", '{"a": [1, 2'),
            ("stop", "{"),
            ("eos", '{"a":"\\'),
        ):
            call = chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "ha", "arguments": arguments}}]})
            events = translate(frames(call, chunk({}, reason)) + DONE)
            self.assertEqual((events[-1], fold(events).calls[0].complete), (e.Ended("length"), False))
            self.assertEqual(failure(translate(frames(call) + DONE)), "stream_cut")

    def test_invalid_arguments_that_have_an_end_were_not_cut(self) -> None:
        for arguments in ('{"a": 1,}', "Oslo", '"Oslo', "{'a': 1}", "}{}"):
            call = chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "ha", "arguments": arguments}}]})
            self.assertEqual(translate(frames(call) + END)[-1], e.Ended("tool_calls"), arguments)

    def test_calls_that_are_announced_must_come(self) -> None:
        self.assertEqual(
            failure(translate(frames(chunk({"reasoning": "hm"}), chunk({}, "tool_calls")) + DONE)), "model_failed"
        )
        self.assertEqual(translate(HELLO + frames(chunk({}, "tool_calls")) + DONE)[-1], e.Ended("stop"))

    def test_done_without_a_finish_reason_ends_an_answer_but_no_reasoning(self) -> None:
        self.assertEqual(translate(HELLO + DONE)[-1], e.Ended("stop"))
        self.assertEqual(failure(translate(frames(chunk({"reasoning": "hm"})) + DONE)), "stream_cut")

    def test_a_response_with_calls_ends_with_tool_calls_whatever_the_finish_reason(self) -> None:
        call = chunk({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "ha", "arguments": "{}"}}]})
        self.assertEqual(translate(frames(call) + END)[-1], e.Ended("tool_calls"))

    def test_a_stream_with_a_finish_reason_is_complete_without_done(self) -> None:
        self.assertEqual(translate(HELLO + frames(chunk({}, "stop")))[-1], e.Ended("stop"))
        self.assertEqual(translate(HELLO + b"data: [DONE]")[-1], e.Ended("stop"))

    def test_a_connection_that_breaks_after_the_finish_reason_is_no_failure(self) -> None:
        translator = ChatTranslator(TURN, ServerCapabilities(), "t")
        events = translator.receive(HELLO + frames(chunk({}, "stop"))) + translator.close(fault("idle_timeout"))
        self.assertEqual(check_sentence(events)[-1], e.Ended("stop"))

    def test_a_stream_without_a_finish_reason_was_cut(self) -> None:
        self.assertEqual(failure(translate(HELLO)), "stream_cut")
        self.assertEqual(failure(translate(b"")), "stream_cut")
        self.assertEqual(failure(translate(HELLO + b'data: {"choices": [{"del')), "stream_cut")

    def test_the_failure_that_closed_the_connection_is_emitted(self) -> None:
        translator = ChatTranslator(TURN, ServerCapabilities(), "t")
        events = translator.receive(HELLO) + translator.close(fault("idle_timeout"))
        self.assertEqual(failure(check_sentence(events)), "idle_timeout")

    def test_done_alone_is_a_failure(self) -> None:
        self.assertEqual(failure(translate(DONE)), "model_failed")

    def test_a_missing_required_call_is_a_failure(self) -> None:
        required = evolve(TURN, tool_choice=ToolChoice("required"))
        *_, closed, failed = translate(HELLO + END, turn=required)
        self.assertEqual((closed, failed), (e.MessageClosed(0), e.Failed(fault("tool_choice_unmet"))))

    def test_nothing_is_emitted_after_an_abort(self) -> None:
        translator = ChatTranslator(TURN, ServerCapabilities(), "t")
        translator.receive(HELLO)
        translator.abort()
        self.assertEqual(translator.receive(HELLO + END) + translator.close(), [])

    def test_usage_is_read_from_every_place(self) -> None:
        in_choice = chunk({}, "stop")
        in_choice["choices"][0]["usage"] = USAGE
        for last in (chunk({}, "stop", usage=USAGE), in_choice, chunk({}, "stop", x_groq={"usage": USAGE})):
            self.assertEqual(fold(translate(HELLO + frames(last) + DONE)).usage, COUNTED)

    def test_a_later_usage_without_details_keeps_those_of_an_earlier_one(self) -> None:
        plain = {"prompt_tokens": 7, "completion_tokens": 4}
        counted = fold(translate(HELLO + frames(chunk({}, "stop", usage=USAGE), {"choices": [], "usage": plain}))).usage
        self.assertEqual(counted, evolve(COUNTED, output_tokens=4))
        fewer = fold(translate(HELLO + frames(chunk({}, "stop", usage=USAGE), {"usage": {"prompt_tokens": 1}}))).usage
        self.assertEqual(counted and fewer, e.Usage(input_tokens=1, cached_tokens=1, output_tokens=3))

    def test_missing_usage_is_estimated(self) -> None:
        for usage in (None, {}, {"prompt_tokens": "7"}, []):
            counted = fold(translate(HELLO + frames(chunk({}, "stop", usage=usage)) + DONE)).usage
            self.assertEqual(counted, e.Usage(input_tokens=1, output_tokens=2, estimated=True))


class FailureTests(SynchronousTestCase):
    def test_an_error_in_the_stream_ends_the_response(self) -> None:
        limited = {"error": {"message": "slow down", "type": "rate_limit_error", "code": None}}
        self.assertEqual(failure(translate(HELLO + frames(limited) + HELLO + END)), "rate_limited")
        flat = {"object": "error", "message": "boom", "code": 500}
        self.assertEqual(failure(translate(HELLO + frames(flat))), "model_failed")
        self.assertEqual(failure(translate(b"event: error\ndata: boom\n\n")), "model_failed")
        inside = {"choices": [{"index": 0, "delta": {}, "error": {"code": 429, "message": "x"}}]}
        self.assertEqual(failure(translate(frames(inside))), "rate_limited")

    def test_an_error_in_other_words_is_an_error(self) -> None:
        for body in (
            {"choices": None, "error_message": "boom"},
            {"base_resp": {"status_code": 1000, "status_msg": "boom"}},
            {"code": "InternalError", "message": "boom"},
            {"code": 500, "msg": "boom"},
            {"type": "error", "message": "boom"},
            {"detail": [{"msg": "boom"}]},
            {"errors": ["boom"]},
        ):
            for data in (frames(body), json.encode(body), json.encode([{"error": body}])):
                self.assertEqual(failure(translate(data)), "model_failed", data)
        self.assertEqual(failure(translate(b'event: error\ndata: {"message":"boom","code":429}\n\n')), "rate_limited")

    def test_what_only_resembles_an_error_is_none(self) -> None:
        for body in (
            {"code": 0, "message": "ok", "base_resp": {"status_code": 0, "status_msg": ""}},
            {"status": "in_progress", "message": "queued", "error": None, "detail": None},
            {"type": "ping"},
            {"message": "hi"},
            {"error": {}, "errors": []},
        ):
            self.assertEqual(translate(frames(body) + HELLO + END), translate(HELLO + END), body)

    def test_an_error_before_any_output_is_the_only_event(self) -> None:
        events = translate(frames(chunk({"role": "assistant", "content": ""}), {"error": "no"}))
        self.assertEqual(events, [e.Failed(fault("model_failed"))])

    def test_invalid_json_is_a_failure(self) -> None:
        self.assertEqual(failure(translate(HELLO + b"data: {]\n\n" + END)), "model_failed")

    def test_too_large_a_response_is_a_failure(self) -> None:
        for data in (b"data: " + b"x" * 99, b"{" + b"x" * 99):
            translator = ChatTranslator(TURN, ServerCapabilities(), "t", limit_bytes=64)
            self.assertEqual(failure(check_sentence(translator.receive(data + b"\n\n"))), "model_failed")

    def test_too_deep_nesting_raises_no_exception(self) -> None:
        for deep in ("[" * 900 + "]" * 900, '{"text":' * 300 + '"x"' + "}" * 300):
            for body in (f'{{"content":{deep}}}', f'{{"annotations":[{{"x":{deep}}}]}}'):
                data = f'data: {{"choices":[{{"index":0,"delta":{body}}}]}}\n\n'
                translate(data.encode() + END)


class DocumentTests(SynchronousTestCase):
    """A server that does not stream."""

    def whole(self, message: dict[str, Any], reason: str | None = "stop") -> bytes:
        choice = {"index": 0, "message": message, "finish_reason": reason}
        return json.encode({"object": "chat.completion", "choices": [choice], "usage": USAGE})

    def test_a_whole_response_gives_the_events_of_a_streamed_one(self) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "ha", "arguments": '{"a":1}'}}
        message = {"role": "assistant", "content": "so", "reasoning_content": "hm"}
        streamed = frames(
            chunk({"reasoning_content": "hm"}),
            chunk({"content": "so"}),
            chunk({"tool_calls": [{"index": 0, **call}]}),
            chunk({}, "tool_calls", usage=USAGE),
        )
        document = self.whole({**message, "tool_calls": [call]}, "tool_calls")
        self.assertEqual(translate(document), translate(streamed + DONE))

    def test_the_finish_reason_may_be_missing(self) -> None:
        self.assertEqual(translate(self.whole({"content": "a"}, None))[-1], e.Ended("stop"))

    def test_an_error_instead_of_a_completion_is_a_failure(self) -> None:
        long = {"error": {"message": "maximum context length is 10 tokens", "code": 400}}
        self.assertEqual(failure(translate(json.encode(long))), "context_length_exceeded")

    def test_a_document_may_be_in_an_array_or_begin_with_a_byte_order_mark(self) -> None:
        document = self.whole({"content": "a"})
        for form in (b"[" + document + b"]", b"\xef\xbb\xbf" + document, b"\n " + document):
            self.assertEqual(translate(*(form[at : at + 1] for at in range(len(form)))), translate(document))

    def test_half_a_document_is_a_failure(self) -> None:
        self.assertEqual(failure(translate(self.whole({"content": "a"})[:-2])), "model_failed")

    def test_a_whole_message_at_the_end_of_a_stream_adds_only_new_text(self) -> None:
        last = {"choices": [{"index": 0, "message": {"content": "Hello!"}, "finish_reason": "stop"}]}
        self.assertEqual(fold(translate(HELLO + frames(last) + DONE)).text, "Hello!")


class LawTests(SynchronousTestCase):
    @given(calls(), st.data())
    def test_any_chunking_gives_the_same_events(self, spoken: list[Any], data: st.DataObject) -> None:
        parts = data.draw(fragments(spoken))
        stream = (
            frames(chunk({"reasoning": "hm"}), chunk({"content": "é\n\U0001f600"}))
            + b": ping\r\n\r\n"
            + frames(*(chunk({"tool_calls": entries}) for entries in parts))
            + END
        )
        pieces = data.draw(chunkings(stream))
        self.assertEqual(translate(*pieces), translate(stream))

    @given(sentences(("function",)), st.data())
    def test_the_stream_of_codexds_own_chat_front_is_translated_without_loss(
        self, answer: tuple[e.Event, ...], data: st.DataObject
    ) -> None:
        """An upstream may be a codexd."""
        exchange = DecodedChatRequest(turn=TURN, output_options=ChatOutputOptions(include_usage=True), stream=True)
        encoder = build_folding_encoder(exchange, STAMP)
        stream = encode_stream(CHAT, encoder, ((0, event) for event in answer))
        spoken = fold(answer)
        assume(spoken.finish != "tool_calls" or spoken.calls or spoken.text)
        # An empty object before other arguments is a placeholder.
        assume(not any(call.arguments.lstrip().startswith("{}") for call in spoken.calls))
        reply = fold(translate(stream))
        message = json.decode(exchange.render((spoken,), STAMP))["choices"][0]["message"]
        if spoken.finish in ("length", "content_filter"):
            self.assertEqual(reply.finish, spoken.finish)
        self.assertEqual(reply.text, spoken.text)
        self.assertEqual("".join(reply.reasoning), message.get("reasoning_content") or "")
        was_cut = spoken.finish in ("length", "content_filter")
        self.assertEqual(
            [(call.call_id, call.name, call.arguments) for call in reply.calls],
            [
                (call.call_id, call.name, call.arguments if was_cut or call.arguments.strip() else "{}")
                for call in spoken.calls
            ],
        )
        if spoken.usage is not None and spoken.usage.total_tokens:
            counted = evolve(spoken.usage, estimated=False)
            self.assertEqual(reply.usage, counted)

    @given(broken_sentences())
    def test_a_failed_response_of_another_codexd_fails_here(self, answer: tuple[e.Event, ...]) -> None:
        encoder = build_folding_encoder(
            DecodedChatRequest(turn=TURN, output_options=ChatOutputOptions(), stream=True), STAMP
        )
        stream = encode_stream(CHAT, encoder, ((0, event) for event in answer))
        self.assertTrue(failure(translate(stream)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(("", "a", "{}", '{"a":1}', "stop")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("index", "id", "function", "name", "arguments", "type", "text", "content", "custom", "input")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
DELTAS = st.dictionaries(
    st.sampled_from(
        (
            *("role", "content", "reasoning", "refusal", "tool_calls", "tool_calls", "function_call"),
            *("annotations", "thinking"),
        )
    ),
    JSON,
    max_size=4,
)
CHOICES = st.fixed_dictionaries(
    {"index": st.sampled_from((0, 0, 0, 1, None)), "delta": DELTAS},
    optional={
        "message": DELTAS,
        "finish_reason": JSON,
        "logprobs": JSON,
        "usage": JSON,
        "error": st.sampled_from((None, None, {}, "x")),
    },
)
CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, max_size=2) | JSON}, optional={"usage": JSON, "x_groq": JSON}
)
LINES = st.one_of(
    *[CHUNKS.map(lambda one: b"data: " + json.encode(one) + b"\n\n")] * 6,
    JSON.map(lambda one: b"data: " + json.encode(one) + b"\n\n"),
    st.binary(max_size=9),
    st.sampled_from((DONE, b": ping\n\n", b"event: error\n", b"{", b"data: \n\n")),
)


class GrammarTests(SynchronousTestCase):
    @settings.get_profile("many")
    @given(st.lists(LINES, max_size=8), st.sampled_from((None, "idle_timeout", "stream_cut")))
    def test_any_input_gives_a_grammatical_sequence(self, lines: list[bytes], why: str | None) -> None:
        translator = ChatTranslator(TURN, ServerCapabilities(), "t")
        events = [event for line in lines for event in translator.receive(line)]
        check_sentence([*events, *translator.close(None if why is None else fault(why))])
        self.assertEqual(translator.receive(HELLO) + translator.close(), [])
