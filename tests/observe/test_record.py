from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage
from codexd.observe.record import TOKEN_KINDS, Record


class TestRecord(SynchronousTestCase):
    def test_tokens_are_those_of_all_choices(self) -> None:
        record = Record(usages=[Usage(1, 2, 3, 4, 5), Usage(10, 20, 30, 40, 50)])
        self.assertEqual(record.tokens(), dict(zip(TOKEN_KINDS, (11, 22, 33, 44, 55), strict=True)))

    def test_a_request_nobody_answered_is_one_whose_client_left(self) -> None:
        self.assertEqual(Record().status, 499)
