"""Tests of the expiring cache, against a list of dated values as the model."""

from attrs import define
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.expiring_cache import ExpiringCache

KEYS = st.sampled_from("abc")


class ExpiringCacheTests(SynchronousTestCase):
    def test_take_removes_the_value(self) -> None:
        cache: ExpiringCache[str] = ExpiringCache(2, 10)
        self.assertEqual(cache.put("k", "value", 0), [])
        self.assertEqual([cache.take("k", 9.9), cache.take("k", 9.9)], ["value", None])

    def test_a_value_expires_after_its_time(self) -> None:
        cache: ExpiringCache[str] = ExpiringCache(2, 10)
        cache.put("k", "value", 5)
        self.assertEqual([cache.expire(14.9), cache.take("k", 15), cache.expire(15)], [[], None, ["value"]])

    def test_put_evicts_the_previous_value_of_the_key_then_the_oldest(self) -> None:
        cache: ExpiringCache[str] = ExpiringCache(2, 10)
        cache.put("a", "first", 0)
        cache.put("b", "second", 1)
        self.assertEqual(cache.put("a", "third", 2), ["first"])
        self.assertEqual(cache.put("c", "fourth", 3), ["second"])

    def test_a_cache_of_size_zero_evicts_at_once(self) -> None:
        self.assertEqual(ExpiringCache(0, 10).put("k", "value", 0), ["value"])

    def test_discard_returns_the_matching_values(self) -> None:
        cache: ExpiringCache[str] = ExpiringCache(9, 10)
        for word in ("one", "two", "six"):
            cache.put(word, word, 0)
        self.assertEqual((cache.discard(lambda word: len(word) == 3 and "o" in word), len(cache)), (["one", "two"], 1))

    def test_the_owner_that_has_most_loses_his_oldest_value(self) -> None:
        cache: ExpiringCache[str] = ExpiringCache(4, 10)
        for number in range(4):
            self.assertEqual(cache.put(f"a{number}", f"a{number}", number, "a"), [])
        evicted = [cache.put(f"b{number}", f"b{number}", 9, "b") for number in range(3)]
        self.assertEqual(evicted, [["a0"], ["a1"], ["b0"]])

    def test_a_flood_of_one_owner_leaves_others_their_share(self) -> None:
        cache: ExpiringCache[str] = ExpiringCache(6, 10)
        for owner in "bc":
            for number in range(2):
                cache.put(f"{owner}{number}", owner, 0, owner)
        evicted = [value for number in range(80) for value in cache.put(f"a{number}", "a", 1, "a")]
        self.assertEqual((evicted, len(cache)), (["a"] * 78, 6))

    def test_values_that_are_used_or_expire_free_their_share(self) -> None:
        cache: ExpiringCache[str] = ExpiringCache(2, 10)
        cache.put("a0", "a0", 0, "a")
        cache.put("a1", "a1", 5, "a")
        cache.take("a1", 6)
        cache.expire(10)
        self.assertEqual([cache.put(name, name, 11, name[0]) for name in ("b0", "b1", "b2")], [[], [], ["b0"]])


@define
class ModelEntry:
    """One value of the model."""

    key: str
    value: int
    until: float


class ExpiringCacheMachine(RuleBasedStateMachine):
    """Every value is returned exactly once or still stored."""

    @initialize(limit=st.integers(0, 3), seconds=st.sampled_from([1.0, 3.0]))
    def begin(self, limit: int, seconds: float) -> None:
        self.cache: ExpiringCache[int] = ExpiringCache(limit, seconds)
        self.limit, self.seconds = limit, seconds
        self.now, self.values = 0.0, 0
        self.entries: list[ModelEntry] = []

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=KEYS)
    def put(self, key: str) -> None:
        self.values += 1
        evicted = [entry for entry in self.entries if entry.key == key]
        self.entries = [entry for entry in self.entries if entry.key != key]
        self.entries.append(ModelEntry(key, self.values, self.now + self.seconds))
        room = len(self.entries) - self.limit
        evicted += self.entries[: max(room, 0)]
        self.entries = self.entries[max(room, 0) :]
        assert self.cache.put(key, self.values, self.now) == [entry.value for entry in evicted]

    @rule(key=KEYS)
    def take(self, key: str) -> None:
        found = [entry for entry in self.entries if entry.key == key and entry.until > self.now]
        self.entries = [entry for entry in self.entries if entry not in found]
        assert self.cache.take(key, self.now) == (found[0].value if found else None)

    @rule()
    def expire(self) -> None:
        old = [entry for entry in self.entries if entry.until <= self.now]
        self.entries = [entry for entry in self.entries if entry.until > self.now]
        assert self.cache.expire(self.now) == [entry.value for entry in old]

    @rule(odd=st.booleans())
    def discard(self, odd: bool) -> None:
        matching = [entry for entry in self.entries if entry.value % 2 == odd]
        self.entries = [entry for entry in self.entries if entry.value % 2 != odd]
        assert self.cache.discard(lambda value: value % 2 == odd) == [entry.value for entry in matching]

    @invariant()
    def matches_the_model(self) -> None:
        assert len(self.cache) == len(self.entries) <= self.limit
        assert all((key in self.cache) == any(entry.key == key for entry in self.entries) for key in "abc")


class ExpiringCacheLawTests(SynchronousTestCase):
    def test_every_value_is_returned_exactly_once(self) -> None:
        run_state_machine_as_test(
            ExpiringCacheMachine, settings=settings(settings.get_profile("few"), stateful_step_count=30)
        )
