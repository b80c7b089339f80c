"""codexd.fronts.responses.input_tokens: token counts and compaction."""

from openai.types.responses.input_token_count_response import InputTokenCountResponse
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts import responses
from codexd.wire.json import decode


class CountingTests(SynchronousTestCase):
    """Counts are marked as estimates; compaction is rejected."""

    def test_a_count_is_marked_as_estimated(self) -> None:
        shown = decode(responses.render_token_count(12))
        self.assertEqual(shown, {"object": "response.input_tokens", "input_tokens": 12, "estimated": True})
        InputTokenCountResponse.model_validate(shown, strict=True)
