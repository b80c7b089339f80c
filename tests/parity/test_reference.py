from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from tests.parity.answers import answered, told
from tests.parity.reading import Unanswerable
from tests.parity.reference import resolved
from tests.parity.scenario import RESPONSES, Ask

FIRST = told({"response": {"id": "resp_1", "output": [{"id": "fc_1", "call_id": "call_1"}]}})
PAGE = answered({"object": "list", "last_id": "msg_2", "has_more": True})


class ReferenceTests(SynchronousTestCase):
    def test_what_was_said_takes_the_place_of_what_names_it(self) -> None:
        ask = Ask(f"{RESPONSES}/{{1.id}}/input_items?after={{2.last_id}}", method="GET")
        self.assertEqual(resolved(ask, (FIRST, PAGE)).path, f"{RESPONSES}/resp_1/input_items?after=msg_2")

    def test_a_body_names_items_by_their_places(self) -> None:
        ask = Ask.saying(RESPONSES, {"previous": "{1.id}", "input": [{"call_id": "{1.output.0.call_id}"}]})
        body = json.decode(resolved(ask, (FIRST,)).body)
        self.assertEqual(body, {"previous": "resp_1", "input": [{"call_id": "call_1"}]})

    def test_all_else_stays_as_it_is(self) -> None:
        ask = Ask(
            RESPONSES, b'{"a":{"1":{}},"text":"{} {1} {a.b} {1.}"}', "POST", (("X", "{1.id}"),), 3, True
        )
        self.assertEqual(resolved(ask, (FIRST,)), ask)

    def test_what_was_not_said_is_not_made_up(self) -> None:
        for name in ("1.output.1.id", "1.output.first", "1.output", "1.id.id", "2.has_more", "3.id", "0.id"):
            ask = Ask(f"/{{{name}}}", method="GET")
            error = self.assertRaises(Unanswerable, resolved, ask, (FIRST, PAGE))
            self.assertEqual(str(error), f"there is no {{{name}}}")
