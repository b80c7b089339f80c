from twisted.trial.unittest import SynchronousTestCase

from codexd.wire import json
from tests.parity.references import resolve_references
from tests.parity.response_content import UnusableResponseError
from tests.parity.sample_responses import event_stream, json_response
from tests.parity.scenario import RESPONSES, ScenarioRequest

FIRST = event_stream({"response": {"id": "resp_1", "output": [{"id": "fc_1", "call_id": "call_1"}]}})
PAGE = json_response({"object": "list", "last_id": "msg_2", "has_more": True})


class ReferenceTests(SynchronousTestCase):
    def test_references_in_a_path_are_replaced_by_their_values(self) -> None:
        request = ScenarioRequest(path=f"{RESPONSES}/{{1.id}}/input_items?after={{2.last_id}}", method="GET")
        self.assertEqual(resolve_references(request, (FIRST, PAGE)).path, f"{RESPONSES}/resp_1/input_items?after=msg_2")

    def test_references_in_a_body_lead_to_items(self) -> None:
        request = ScenarioRequest.with_json(
            RESPONSES, {"previous": "{1.id}", "input": [{"call_id": "{1.output.0.call_id}"}]}
        )
        body = json.decode(resolve_references(request, (FIRST,)).body)
        self.assertEqual(body, {"previous": "resp_1", "input": [{"call_id": "call_1"}]})

    def test_everything_else_is_unchanged(self) -> None:
        request = ScenarioRequest(
            path=RESPONSES,
            body=b'{"a":{"1":{}},"text":"{} {1} {a.b} {1.}"}',
            headers=(("X", "{1.id}"),),
            disconnect_after_events=3,
            poll_until_done=True,
        )
        self.assertEqual(resolve_references(request, (FIRST,)), request)

    def test_a_reference_without_a_value_is_an_error(self) -> None:
        for name in ("1.output.1.id", "1.output.first", "1.output", "1.id.id", "2.has_more", "3.id", "0.id"):
            request = ScenarioRequest(path=f"/{{{name}}}", method="GET")
            error = self.assertRaises(UnusableResponseError, resolve_references, request, (FIRST, PAGE))
            self.assertEqual(str(error), f"there is no {{{name}}}")
