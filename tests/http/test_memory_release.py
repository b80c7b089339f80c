from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.memory_release import DELAYS_SECONDS, LARGE_BYTES, MemoryRelease, release_memory


class MemoryReleaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.releases = Clock(), 0
        self.release = MemoryRelease(self.clock, self.count)

    def count(self) -> None:
        self.releases += 1

    def test_memory_is_released_some_time_after_large_bodies_and_once_more(self) -> None:
        first, second = DELAYS_SECONDS
        for _ in range(3):
            self.release.note(LARGE_BYTES)
            self.clock.advance(first / 4)
        self.assertEqual(self.releases, 0)
        self.clock.advance(first)
        self.assertEqual(self.releases, 1)
        self.clock.advance(second)
        self.assertEqual((self.releases, self.clock.getDelayedCalls()), (2, []))

    def test_a_body_between_the_releases_begins_again(self) -> None:
        first, second = DELAYS_SECONDS
        for _ in range(2):
            self.release.note(LARGE_BYTES)
            self.clock.advance(first)
        self.assertEqual(self.releases, 2)
        self.clock.advance(second)
        self.assertEqual((self.releases, self.clock.getDelayedCalls()), (3, []))

    def test_nothing_is_released_after_the_stop(self) -> None:
        for seconds in (0.0, DELAYS_SECONDS[0]):
            self.release.note(LARGE_BYTES)
            self.clock.advance(seconds)
            self.release.stop()
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_small_bodies_release_nothing(self) -> None:
        self.release.note(LARGE_BYTES - 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_real_release_works_on_this_system(self) -> None:
        release_memory()
