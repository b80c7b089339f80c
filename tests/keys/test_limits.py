"""The limits of keys that are enforced in the store and in the queues."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.keys.limits import KeyLimits
from codexd.settings import ApiKey, Queue, Responses, Settings

SETTINGS = Settings(
    key=(
        ApiKey(name="alice", sha256="a" * 64, stored_bytes=1000, concurrent_turns=2),
        ApiKey(name="bob", sha256="b" * 64),
    ),
    responses=Responses(owner_bytes=5000),
    queue=Queue(turns_per_key=7),
)


class StoredBytesTests(SynchronousTestCase):
    def test_a_key_has_its_own_limit_or_that_of_all(self) -> None:
        limits = KeyLimits(SETTINGS)
        self.assertEqual([limits.stored_bytes(name) for name in ("alice", "bob", "0123456789ab")], [1000, 5000, 5000])

    def test_other_settings_take_effect_at_once(self) -> None:
        limits = KeyLimits(SETTINGS)
        limits.apply(evolve(SETTINGS, key=(evolve(SETTINGS.key[1], stored_bytes=9000),), responses=Responses()))
        self.assertEqual([limits.stored_bytes(name) for name in ("alice", "bob")], [None, 9000])


class TurnsTests(SynchronousTestCase):
    def test_a_key_has_its_own_limit_or_that_of_all(self) -> None:
        limits = KeyLimits(SETTINGS)
        self.assertEqual([limits.turns_at_once(name) for name in ("alice", "bob", "0123456789ab")], [2, 7, 7])
        limits.apply(evolve(SETTINGS, queue=Queue()))
        self.assertEqual([limits.turns_at_once(name) for name in ("alice", "bob")], [2, 0])
