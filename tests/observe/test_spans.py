from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.observe.spans import describe_request, describe_steps
from tests.support.finished_requests import SPAN_ID, UNIX_TIME, UPSTREAM_SPAN_ID, upstream_request


class SpanTests(SynchronousTestCase):
    def test_a_request_is_a_server_span_with_the_standard_attributes(self) -> None:
        span = describe_request(upstream_request())
        self.assertEqual((span.name, span.kind, span.span_id), ("POST /v1/chat/completions", "server", SPAN_ID))
        self.assertEqual((span.began, span.ended, span.error), (UNIX_TIME, UNIX_TIME + 4, ""))
        expected = {
            "http.request.method": "POST",
            "http.route": "/v1/chat/completions",
            "http.response.status_code": 200,
            "http.request.body.size": 100,
            "http.response.body.size": 500,
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "near",
            "gen_ai.request.model": "m",
            "gen_ai.request.stream": True,
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.response.time_to_first_chunk": 2.0,
            "gen_ai.usage.input_tokens": 4,
            "gen_ai.usage.output_tokens": 3,
            "codexd.request.id": "req_1",
            "codexd.key": "alice",
            "codexd.backend": "near",
        }
        self.assertEqual(span.attributes, expected)
        self.assertEqual([(event.name, event.at) for event in span.events], [("retry", UNIX_TIME + 1)])

    def test_its_steps_are_spans_and_that_of_an_upstream_lasts_to_its_last_event(self) -> None:
        found = [
            (span.name, span.kind, span.span_id, span.began - UNIX_TIME, span.ended - UNIX_TIME, span.error)
            for span in describe_steps(upstream_request())
        ]
        self.assertEqual(
            found,
            [
                ("queue near", "internal", "", 0, 0.5, ""),
                ("upstream near", "client", "", 0.5, 1, "503"),
                ("upstream near", "client", UPSTREAM_SPAN_ID, 1, 3, ""),
            ],
        )

    def test_only_a_failure_of_the_server_is_an_error(self) -> None:
        record = upstream_request()
        for status, outcome, error in ((400, "wrong_value", ""), (502, "model_failed", "model_failed")):
            span = describe_request(evolve(record, status=status, outcome=outcome))
            self.assertEqual((span.error, span.attributes["error.type"]), (error, outcome))

    def test_a_background_response_is_a_part_of_the_request_that_began_it(self) -> None:
        record = upstream_request().begin_background("4" * 16)
        span = describe_request(record)
        self.assertEqual((span.kind, span.span_id), ("internal", "4" * 16))
        assert record.span is not None
        self.assertEqual(record.span.parent_id, SPAN_ID)

    def test_a_step_that_did_not_end_lasts_as_long_as_the_request(self) -> None:
        record = upstream_request()
        record.timeline.begin("store", "end")
        self.assertEqual(list(describe_steps(record))[-1].ended, UNIX_TIME + 4)
