"""codexd.fronts.responses.counting: what goes on about a request without answering it."""

from openai.types.responses.input_token_count_response import InputTokenCountResponse
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.wire.json import decode


class CountingTests(SynchronousTestCase):
    """Counts say that they are estimates; what cannot be done is refused."""

    def test_a_count_says_that_it_is_an_estimate(self) -> None:
        shown = decode(responses.counted(12))
        self.assertEqual(shown, {"object": "response.input_tokens", "input_tokens": 12, "estimated": True})
        InputTokenCountResponse.model_validate(shown, strict=True)

    def test_compaction_is_refused_as_something_that_cannot_be_had(self) -> None:
        wrong = responses.uncompactable()
        self.assertEqual((wrong.kind, wrong.status), ("unsupported", 400))
        self.assertIn("compact", wrong.message)
