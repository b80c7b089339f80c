from twisted.trial.unittest import SynchronousTestCase

from codexd.context import TOKEN_KINDS, RequestRecord
from codexd.neutral.event import Usage


class RequestRecordTests(SynchronousTestCase):
    def test_tokens_are_summed_over_all_choices(self) -> None:
        record = RequestRecord(
            usages=[
                Usage(input_tokens=1, cached_tokens=2, cache_write_tokens=3, output_tokens=4, reasoning_tokens=5),
                Usage(input_tokens=10, cached_tokens=20, cache_write_tokens=30, output_tokens=40, reasoning_tokens=50),
            ]
        )
        self.assertEqual(record.tokens(), dict(zip(TOKEN_KINDS, (11, 22, 33, 44, 55), strict=True)))

    def test_the_back_end_asked_last_replaces_the_one_before(self) -> None:
        record = RequestRecord()
        record.set_backend("codex", "plain-0", "thread-1")
        record.set_backend("up")
        self.assertEqual((record.backend, record.worker, record.thread), ("up", "", ""))

    def test_the_default_status_is_499(self) -> None:
        self.assertEqual(RequestRecord().status, 499)
