from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.http.memory_release import DELAY_SECONDS, LARGE_BYTES, MemoryRelease, release_memory


class MemoryReleaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.releases = Clock(), 0
        self.release = MemoryRelease(self.clock, self.count)

    def count(self) -> None:
        self.releases += 1

    def test_memory_is_released_once_some_time_after_large_bodies(self) -> None:
        for _ in range(3):
            self.release.note(LARGE_BYTES)
            self.clock.advance(DELAY_SECONDS / 4)
        self.assertEqual(self.releases, 0)
        self.clock.advance(DELAY_SECONDS)
        self.assertEqual((self.releases, self.clock.getDelayedCalls()), (1, []))

    def test_small_bodies_release_nothing(self) -> None:
        self.release.note(LARGE_BYTES - 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_real_release_works_on_this_system(self) -> None:
        release_memory()
