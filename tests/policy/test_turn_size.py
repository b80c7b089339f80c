from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.turn import ImagePart, Message, TextPart, Turn
from codexd.policy.turn_size import turn_size_bytes


class TurnSizeTests(SynchronousTestCase):
    def test_the_text_of_all_parts_counts(self) -> None:
        small = turn_size_bytes(Turn(model="m", items=()))
        parts = (TextPart("x" * 1000), ImagePart("data:" + "y" * 5000))
        large = turn_size_bytes(Turn(model="m", items=(Message(role="user", parts=parts),), instructions="z" * 300))
        self.assertTrue(6305 <= large - small <= 7500, large - small)
