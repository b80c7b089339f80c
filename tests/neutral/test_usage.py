"""Tests of codexd.neutral.usage."""

from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage
from codexd.neutral.usage import DAY_SECONDS, Consumption, UsageSum, sum_consumption


def day(model: str, key: str, requests: int, tokens: Usage, start: int = 0) -> UsageSum:
    return UsageSum(start=start, seconds=DAY_SECONDS, model=model, key=key, requests=requests, errors=0, usage=tokens)


class ConsumptionTests(SynchronousTestCase):
    def test_buckets_are_added_by_model_and_key_with_the_most_tokens_first(self) -> None:
        sums = (
            day("small", "ann", 1, Usage(input_tokens=1, output_tokens=2)),
            day("large", "ann", 1, Usage(input_tokens=10, output_tokens=20)),
            day("small", "ann", 2, Usage(input_tokens=3, output_tokens=4), start=DAY_SECONDS),
            day("small", "bob", 1, Usage(input_tokens=1)),
        )
        self.assertEqual(
            sum_consumption(sums),
            (
                Consumption(model="large", key="ann", requests=1, input_tokens=10, output_tokens=20),
                Consumption(model="small", key="ann", requests=3, input_tokens=4, output_tokens=6),
                Consumption(model="small", key="bob", requests=1, input_tokens=1),
            ),
        )
