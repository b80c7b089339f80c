from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.answers.recording import Recording

A, B, C = ((b"", b'{"a":1}'), (b"x", b'{"b":2}'), (b"y", b'{"c":3}'))


class RecordingTests(SynchronousTestCase):
    def test_readers_are_notified_by_notify_only(self) -> None:
        recording, seen = Recording(), []
        recording.subscribe(lambda: seen.append(recording.length))
        recording.append([A])
        self.assertEqual(seen, [])
        recording.notify()
        recording.append([B, C])
        recording.notify()
        self.assertEqual(seen, [1, 3])

    def test_the_first_end_counts(self) -> None:
        recording = Recording()
        recording.finish([A], "failed")
        recording.finish([B], "complete")
        self.assertEqual((recording.outcome, recording.read(0)), ("failed", [A]))

    def test_a_reader_that_unsubscribes_is_not_notified_and_does_not_disturb_the_others(self) -> None:
        recording, seen = Recording(), []

        def first() -> None:
            recording.unsubscribe(first)

        recording.subscribe(first)
        recording.subscribe(lambda: seen.append(1))
        recording.notify()
        recording.unsubscribe(first)
        recording.notify()
        self.assertEqual(seen, [1, 1])

    @given(st.lists(st.integers(0, 4), max_size=20), st.booleans())
    def test_events_keep_their_numbers_whether_they_are_retained_or_not(self, sizes: list[int], retain: bool) -> None:
        recording, number, read = Recording(retain=retain), 0, []
        for size in sizes:
            recording.append([(b"", b"%d" % (number + at)) for at in range(size)])
            number += size
            read += recording.take(len(read), 2 if size % 2 else None)
        read += recording.read(len(read))
        self.assertEqual(read, [(b"", b"%d" % at) for at in range(number)])
        if retain:
            self.assertEqual(recording.read(0), read)
