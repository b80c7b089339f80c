from twisted.trial.unittest import SynchronousTestCase

from codexd.http.transcript import Transcript


class TestTranscript(SynchronousTestCase):
    def setUp(self) -> None:
        self.transcript = Transcript(b"a")
        self.told: list[bytes] = []
        self.transcript.follow(self.tell)

    def tell(self) -> None:
        self.told.append(bytes(self.transcript.said))

    def test_followers_are_told_when_it_is_said_and_not_before(self) -> None:
        self.transcript.write([b"b", b"c"])
        self.assertEqual(self.told, [])
        self.transcript.tell()
        self.assertEqual(self.told, [b"abc"])

    def test_its_end_is_told(self) -> None:
        self.transcript.end([b"z"])
        self.assertEqual(self.told, [b"az"])
        self.assertTrue(self.transcript.over and self.transcript.whole)

    def test_without_an_end_it_broke_off(self) -> None:
        self.transcript.end([])
        self.assertTrue(self.transcript.over)
        self.assertFalse(self.transcript.whole)

    def test_who_left_is_told_no_more(self) -> None:
        self.transcript.leave(self.tell)
        self.transcript.leave(self.tell)
        self.transcript.tell()
        self.assertEqual(self.told, [])

    def test_a_follower_may_leave_when_it_is_told(self) -> None:
        self.transcript.leave(self.tell)
        self.transcript.follow(self.once)
        self.transcript.follow(self.tell)
        self.transcript.tell()
        self.transcript.tell()
        self.assertEqual(self.told, [b"once", b"a", b"a"])

    def once(self) -> None:
        self.told.append(b"once")
        self.transcript.leave(self.once)
