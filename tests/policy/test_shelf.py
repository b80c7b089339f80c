"""Things kept for a while: a shelf is as a list of dated things would be."""

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

from codexd.policy.shelf import Shelf

KEYS = st.sampled_from("abc")


class ShelfTests(SynchronousTestCase):
    def test_a_thing_is_taken_once(self) -> None:
        shelf: Shelf[str] = Shelf(2, 10)
        self.assertEqual(shelf.put("k", "thing", 0), [])
        self.assertEqual([shelf.take("k", 9.9), shelf.take("k", 9.9)], ["thing", None])

    def test_a_thing_is_kept_for_its_time_and_not_a_moment_longer(self) -> None:
        shelf: Shelf[str] = Shelf(2, 10)
        shelf.put("k", "thing", 5)
        self.assertEqual([shelf.expire(14.9), shelf.take("k", 15), shelf.expire(15)], [[], None, ["thing"]])

    def test_the_oldest_makes_room_and_a_former_thing_of_the_same_key_goes_first(self) -> None:
        shelf: Shelf[str] = Shelf(2, 10)
        shelf.put("a", "first", 0)
        shelf.put("b", "second", 1)
        self.assertEqual(shelf.put("a", "third", 2), ["first"])
        self.assertEqual(shelf.put("c", "fourth", 3), ["second"])

    def test_a_shelf_without_room_gives_everything_back_at_once(self) -> None:
        self.assertEqual(Shelf(0, 10).put("k", "thing", 0), ["thing"])

    def test_what_answers_to_a_description_is_given_back(self) -> None:
        shelf: Shelf[str] = Shelf(9, 10)
        for word in ("one", "two", "six"):
            shelf.put(word, word, 0)
        self.assertEqual(
            (shelf.discard(lambda word: len(word) == 3 and "o" in word), len(shelf)), (["one", "two"], 1)
        )


@define
class Kept:
    """What the model remembers of a thing."""

    key: str
    thing: int
    until: float


class ShelfMachine(RuleBasedStateMachine):
    """Every thing put comes back exactly once: taken, given back, or still there."""

    @initialize(limit=st.integers(0, 3), seconds=st.sampled_from([1.0, 3.0]))
    def begin(self, limit: int, seconds: float) -> None:
        self.shelf: Shelf[int] = Shelf(limit, seconds)
        self.limit, self.seconds = limit, seconds
        self.now, self.things = 0.0, 0
        self.kept: list[Kept] = []

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=KEYS)
    def put(self, key: str) -> None:
        self.things += 1
        gone = [kept for kept in self.kept if kept.key == key]
        self.kept = [kept for kept in self.kept if kept.key != key]
        self.kept.append(Kept(key, self.things, self.now + self.seconds))
        room = len(self.kept) - self.limit
        gone += self.kept[: max(room, 0)]
        self.kept = self.kept[max(room, 0) :]
        assert self.shelf.put(key, self.things, self.now) == [kept.thing for kept in gone]

    @rule(key=KEYS)
    def take(self, key: str) -> None:
        found = [kept for kept in self.kept if kept.key == key and kept.until > self.now]
        self.kept = [kept for kept in self.kept if kept not in found]
        assert self.shelf.take(key, self.now) == (found[0].thing if found else None)

    @rule()
    def expire(self) -> None:
        old = [kept for kept in self.kept if kept.until <= self.now]
        self.kept = [kept for kept in self.kept if kept.until > self.now]
        assert self.shelf.expire(self.now) == [kept.thing for kept in old]

    @rule(odd=st.booleans())
    def discard(self, odd: bool) -> None:
        wanted = [kept for kept in self.kept if kept.thing % 2 == odd]
        self.kept = [kept for kept in self.kept if kept.thing % 2 != odd]
        assert self.shelf.discard(lambda thing: thing % 2 == odd) == [kept.thing for kept in wanted]

    @invariant()
    def is_as_the_model(self) -> None:
        assert len(self.shelf) == len(self.kept) <= self.limit
        assert all((key in self.shelf) == any(kept.key == key for kept in self.kept) for key in "abc")


class ShelfLawTests(SynchronousTestCase):
    def test_every_thing_put_comes_back_exactly_once(self) -> None:
        run_state_machine_as_test(
            ShelfMachine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None)
        )
