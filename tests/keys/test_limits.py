"""The limits of keys that are enforced in the store."""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.keys.limits import KeyLimits
from codexd.settings import ApiKey, Responses, Settings

SETTINGS = Settings(
    key=(ApiKey(name="alice", sha256="a" * 64, stored_bytes=1000), ApiKey(name="bob", sha256="b" * 64)),
    responses=Responses(owner_bytes=5000),
)


class StoredBytesTests(SynchronousTestCase):
    def test_a_key_has_its_own_limit_or_that_of_all(self) -> None:
        limits = KeyLimits(SETTINGS)
        self.assertEqual([limits.stored_bytes(name) for name in ("alice", "bob", "0123456789ab")], [1000, 5000, 5000])

    def test_other_settings_take_effect_at_once(self) -> None:
        limits = KeyLimits(SETTINGS)
        limits.apply(evolve(SETTINGS, key=(evolve(SETTINGS.key[1], stored_bytes=9000),), responses=Responses()))
        self.assertEqual([limits.stored_bytes(name) for name in ("alice", "bob")], [None, 9000])
