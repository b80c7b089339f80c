"""Tests of codexd.images.cache."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.images.cache import ENTRY_BYTES, ImageCache

KEYS = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))


class ImageCacheTests(SynchronousTestCase):
    def test_an_image_is_kept_for_its_time_and_its_owner(self) -> None:
        cache = ImageCache(10.0, 10_000)
        cache.put(("me", "url"), "data", 100.0)
        self.assertEqual(cache.find(("me", "url"), 109.0), "data")
        self.assertIsNone(cache.find(("you", "url"), 109.0))
        self.assertIsNone(cache.find(("me", "url"), 110.0))
        self.assertEqual(cache.size_bytes, 0)

    def test_its_use_does_not_extend_its_time(self) -> None:
        cache = ImageCache(10.0, 10_000)
        cache.put(("me", "url"), "data", 0.0)
        cache.find(("me", "url"), 9.0)
        self.assertIsNone(cache.find(("me", "url"), 10.0))

    def test_the_images_that_were_not_used_for_longest_make_room(self) -> None:
        cache = ImageCache(10.0, 3 * (ENTRY_BYTES + 3))
        for url in "abc":
            cache.put(("m", url), "1", 0.0)
        cache.find(("m", "a"), 1.0)
        cache.put(("m", "d"), "1", 1.0)
        self.assertEqual([url for url in "abcd" if cache.find(("m", url), 1.0)], ["a", "c", "d"])

    def test_an_image_beyond_the_limit_is_not_kept(self) -> None:
        for limit in (0, ENTRY_BYTES):
            cache = ImageCache(10.0, limit)
            cache.put(("m", "u"), "1", 0.0)
            self.assertEqual((cache.find(("m", "u"), 0.0), cache.size_bytes), (None, 0))

    def test_old_images_are_removed_without_being_asked_for(self) -> None:
        cache = ImageCache(10.0, 10_000)
        cache.put(("m", "u"), "1", 0.0)
        cache.expire(10.0)
        self.assertEqual(cache.size_bytes, 0)

    @given(st.lists(st.tuples(KEYS, st.integers(0, 2000), st.integers(0, 5))))
    def test_its_memory_is_that_of_its_entries_and_within_the_limit(
        self, steps: list[tuple[tuple[str, str], int, int]]
    ) -> None:
        cache, now = ImageCache(10.0, 4000), 0.0
        for key, size, seconds in steps:
            now += seconds
            cache.put(key, "x" * size, now)
            self.assertLessEqual(cache.size_bytes, 4000)
        found = [data for owner in "ab" for url in "xyz" if (data := cache.find((owner, url), now)) is not None]
        self.assertEqual(cache.size_bytes, sum(ENTRY_BYTES + 2 + len(data) for data in found))
