import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.transcripts.normalise import RULES, Kind, Normaliser, normalise_provider_requests
from tests.parity import FIXTURES

HEAD = (
    "HTTP/1.1 200 OK\nDate: Fri, 20 Nov 2026 10:33:41 GMT\n"
    "X-Request-Id: req_50163373c0e5ea048ffe37da2ff6003b\nOpenai-Processing-Ms: 36\nRetry-After: 1"
)
ONE = "01a1f884-e66a-78c0-8e60-39914e4c1d81"
TWO = "01a1f884-e66a-78c0-8e60-39914e4c1d82"
A = "dcc28ce0c22af48caaa0fbdf"
B = "3ff926c542292d3956d7dfbc"


def chunk(id: str = A, time: object = 1700000000, text: str = "") -> str:
    delta = f'"choices":[{{"delta":{{"content":"{text}"}}}}]'
    return f'data: {{"id":"chatcmpl-{id}","object":"chat.completion.chunk","created":{time},{delta}}}\n\n'


def response(id: str = A, began: object = 1700000000, ended: object = 1700000001) -> str:
    text = '"output":[{"id":"msg_1","text":"at 1700000000"}]'
    return f'{{"id":"resp_{id}","created_at":{began},"completed_at":{ended},{text}}}'


SAMPLES: tuple[tuple[Kind, str], ...] = (
    (
        "body",
        chunk(f"«{A}»", "«1700000000»", "one ") + chunk(f"«{A}»", "«1700000000»", "1|100") + "data: [DONE]\n\n",
    ),
    ("body", response(f"«{A}»", "«1700000000»", "«1700000001»")),
    ("body", f'{{"id":"cmpl-«{A}»","object":"text_completion","created":«1700000000»,"choices":[]}}'),
    ("body", '{"object":"list","data":[{"id":"scripted","created":0}]}'),
    (
        "head",
        "HTTP/1.1 200 OK\nDate: «Fri, 20 Nov 2026 10:33:41 GMT»\n"
        "X-Request-Id: req_«50163373c0e5ea048ffe37da2ff6003b»\nOpenai-Processing-Ms: «36»\nRetry-After: 1",
    ),
    ("provider", f'[{{"input": [{{"id":"msg_«{ONE}»","text":"1|100"}}], "prompt_cache_key": "«{TWO}»"}}]'),
    ("provider", f'[{{"tool_calls": [{{"id":"call_«{A}»0000"}}, {{"id":"call_{A}"}}]}}]'),
    (
        "body",
        f'{{"id":"resp_«{A}»","previous_response_id":"resp_«{B}»","conversation":{{"id":"conv_«{A}»"}},'
        f'"output":[{{"id":"msg_{A}{A}"}}]}}',
    ),
    ("body", f'{{"type":"response.output_tool_call.begin","response_id":"resp_«{A}»","sequence_number":3}}'),
    ("body", f'{{"message":"Previous response with id \'resp_«{A}»\' not found."}}'),
    ("body", f'{{"message":"Conversation with id \'conv_«{A}»\' not found."}}'),
    ("body", f'{{"message":"Item with id \'msg_«{A}»0001\' not found."}}'),
    (
        "body",
        f'{{"data":[{{"id":"msg_«{A}»0000"}},{{"id":"fco_«{A}»000f"}}],"first_id":"msg_«{A}»0000",'
        f'"last_id":"fco_«{A}»000f","has_more":false}}',
    ),
    ("request", f'{{"messages": [{{"id": "chatcmpl-{A}", "created": 1700000000}}]}}'),
    ("request", f'{{"path": "/v1/responses/resp_«{A}»/input_items?after=msg_«{B}»0000&limit=2"}}'),
    ("request", f'{{"conversation": "conv_«{A}»", "input": [{{"id": "msg_{A}{A}"}}]}}'),
)
"""Texts with the values that may differ in «these» marks."""


def normalised(kind: Kind, text: str) -> str:
    return Normaliser().apply(kind, text)


def fixed(marked: str) -> tuple[str, list[int]]:
    """Return a text without its marks, and the positions outside of them."""
    text = ""
    places: list[int] = []
    for number, part in enumerate(re.split("[«»]", marked)):
        if number % 2 == 0:
            places += range(len(text), len(text) + len(part))
        text += part
    return text, places


class NormaliserTests(SynchronousTestCase):
    def test_generated_values_are_replaced(self) -> None:
        self.assertEqual(normalised("body", chunk(B, 1800000000)), normalised("body", chunk()))
        other = response(B, 1800000000, 1800000009)
        self.assertEqual(normalised("body", other), normalised("body", response()))
        later = HEAD.replace("20 Nov", "21 Nov").replace("501633", "abcdef").replace(": 36", ": 4")
        self.assertEqual(normalised("head", later), normalised("head", HEAD))
        self.assertEqual(normalised("provider", ONE), normalised("provider", TWO))

    def test_ids_are_replaced_in_every_context(self) -> None:
        texts: tuple[tuple[Kind, str], ...] = (
            *(("body", f'{{"{name}":"resp_#"}}') for name in ("id", "previous_response_id", "response_id")),
            ("body", '{"conversation":{"id":"conv_#"}}'),
            *(("body", f'{{"{name}":"fco_#000f"}}') for name in ("id", "first_id", "last_id")),
            *(("body", f"Item with id '{id}' not found.") for id in ("resp_#", "conv_#", "msg_#0000")),
            *(("request", f"/v1/x/{id}/items?after={id}&limit=2") for id in ("resp_#", "conv_#", "rs_#0000")),
        )
        for kind, text in texts:
            one, other = (normalised(kind, text.replace("#", token)) for token in (A, B))
            self.assertEqual(one, other, text)

    def test_equal_values_have_equal_marks(self) -> None:
        self.assertEqual(normalised("provider", f"{ONE} {TWO} {ONE}"), "<uuid 1> <uuid 2> <uuid 1>")

    def test_a_stream_with_different_ids_stays_different(self) -> None:
        same = normalised("body", chunk() + chunk())
        for odd in (chunk(id=B), chunk(time=1700000001)):
            self.assertNotEqual(normalised("body", chunk() + odd), same)

    def test_marks_are_numbered_over_all_parts_but_times_are_not(self) -> None:
        normaliser = Normaliser()
        first = normaliser.apply("body", chunk())
        second = normaliser.apply("body", chunk(B, 1700000001))
        self.assertEqual(first.replace("<chatcmpl 1>", "<chatcmpl 2>"), second)
        self.assertIn('"created":"<time 1>"', second)

    def test_a_response_has_the_same_mark_in_every_part(self) -> None:
        normaliser = Normaliser()
        shown = normaliser.apply("body", response())
        asked = normaliser.apply("request", f'{{"path": "/v1/responses/resp_{A}"}}')
        rejected = normaliser.apply("body", f'{{"message":"Response with id \'resp_{A}\' not found."}}')
        for text in (shown, asked, rejected):
            self.assertEqual((text.count("<resp 1>"), text.count("resp_")), (1, 0), text)

    def test_items_of_one_request_share_its_token(self) -> None:
        ids = f'{{"first_id":"msg_{A}0000","last_id":"fc_{A}0001","id":"msg_{B}0000"}}'
        named = '{"first_id":"msg_<token 1>0000","last_id":"fc_<token 1>0001","id":"msg_<token 2>0000"}'
        self.assertEqual(normalised("body", ids), named)

    def test_values_of_another_shape_are_unchanged(self) -> None:
        texts: tuple[tuple[Kind, str], ...] = (
            ("body", '{"created":0,"created_at":"1700000000","completed_at":null}'),
            ("body", '{"id":"chatcmpl-1","text":"chatcmpl-dcc28ce0c22af48caaa0fbdf"}'),
            ("body", r'{"text":"{\"id\":\"resp_dcc28ce0c22af48caaa0fbdf\",\"created\":1700000000}"}'),
            ("body", f'{{"sequence_number":1700000000,"text":"resp_{A}","item_id":"conv_{A}"}}'),
            ("body", f'{{"id":"msg_{A}{A}","first_id":"msg_1","last_id":"{A}0000"}}'),
            ("head", "X-Request-Id: mine\nDate: now\nOpenai-Processing-Ms: -1"),
        )
        for kind, text in texts:
            self.assertEqual(normalised(kind, text), text)

    def test_a_rule_applies_to_its_own_part_only(self) -> None:
        self.assertEqual(normalised("request", chunk() + HEAD + ONE), chunk() + HEAD + ONE)

    @settings(max_examples=10, deadline=None)
    @given(st.characters())
    def test_any_other_changed_or_lost_character_is_visible(self, letter: str) -> None:
        for kind, marked in SAMPLES:
            text, places = fixed(marked)
            before = normalised(kind, text)
            for at in places:
                for instead in {"", letter, chr(ord(text[at]) + 1)} - {text[at]}:
                    changed = text[:at] + instead + text[at + 1 :]
                    self.assertNotEqual(normalised(kind, changed), before, (at, instead))

    def test_every_rule_is_used(self) -> None:
        files = [file.read_text() for file in FIXTURES.glob("*/*/*.txt")]
        for rule in RULES:
            self.assertTrue(any(rule.mark.replace("#", "1") in file for file in files), rule.mark)

    def test_only_listed_members_of_provider_requests_are_omitted(self) -> None:
        body = {"model": "scripted", "client_metadata": {"turn_id": ONE}, "input": []}
        self.assertEqual(normalise_provider_requests([body]), [{"model": "scripted", "input": []}])

    def test_concurrent_provider_requests_are_sorted_by_content(self) -> None:
        first, second = ({"input": [{"id": id, "text": text}]} for id, text in ((TWO, "a"), (ONE, "b")))
        for received in ([first, second], [second, first]):
            self.assertEqual(normalise_provider_requests(received), [first, second])
        again = {"input": [{"id": ONE, "text": "a"}]}
        self.assertEqual(normalise_provider_requests([first, again]), [first, again])
