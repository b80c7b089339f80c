"""Tests of API key authentication."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.auth import ANONYMOUS, Credentials, KeyRing, NamedKey, Principal
from codexd.policy.key_policy import KeyPolicy

KEY, OTHER = "sk-one", "sk-other"
RING = KeyRing((KEY, OTHER))
PRINCIPAL = Principal(sha256(KEY.encode()).hexdigest()[:12])
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


class IdentifyTests(SynchronousTestCase):
    def test_a_key_is_accepted_in_every_supported_header(self) -> None:
        for authorization in (
            b"Bearer sk-one",
            b" bearer sk-one",
            b"BEARER   sk-one ",
            b"sk-one",
            b" sk-one ",
        ):
            self.assertEqual(RING.identify(Credentials(authorization=authorization), 0), PRINCIPAL, authorization)
        self.assertEqual(RING.identify(Credentials(x_api_key=b"sk-one"), 0), PRINCIPAL)
        self.assertEqual(RING.identify(Credentials(api_key=b" sk-one"), 0), PRINCIPAL)

    def test_a_key_is_found_by_its_digest_until_it_expires(self) -> None:
        digest, other = sha256(KEY.encode()).digest(), sha256(b"wrong").digest()
        self.assertEqual((RING.identify_digest(digest, 0), RING.identify_digest(other, 0)), (PRINCIPAL, None))
        ring = KeyRing(named=(NamedKey(KeyPolicy(name="ann"), digest, expires=10.0),))
        self.assertIsNotNone(ring.identify_digest(digest, 9.9))
        self.assertIsNone(ring.identify_digest(digest, 10.0))

    def test_other_credentials_are_rejected(self) -> None:
        values = (
            b"",
            b"Bearer",
            b"Bearer ",
            b"Bearer sk-on",
            b"Bearer sk-one2",
            b"SK-ONE",
            b"Basic sk-one",
            b"\xff",
        )
        for value in values:
            credentials = Credentials(authorization=value, x_api_key=value, api_key=value)
            self.assertIsNone(RING.identify(credentials, 0), value)
        self.assertIsNone(RING.identify(Credentials(), 0))

    def test_a_scheme_is_parsed_only_in_authorization(self) -> None:
        self.assertIsNone(RING.identify(Credentials(x_api_key=b"Bearer sk-one"), 0))

    def test_a_valid_key_counts_even_beside_an_invalid_one(self) -> None:
        self.assertEqual(RING.identify(Credentials(authorization=b"Bearer none", x_api_key=b"sk-one"), 0), PRINCIPAL)
        self.assertEqual(RING.identify(Credentials(authorization=b"Bearer sk-one", api_key=b"none"), 0), PRINCIPAL)

    def test_every_key_has_its_own_principal(self) -> None:
        other = RING.identify(Credentials(api_key=OTHER.encode()), 0)
        self.assertNotIn(other, (None, PRINCIPAL))

    def test_without_configured_keys_every_request_is_anonymous(self) -> None:
        for credentials in (Credentials(), Credentials(authorization=b"Bearer dummy")):
            self.assertEqual(KeyRing().identify(credentials, 0), ANONYMOUS)
        self.assertEqual((KeyRing().is_open, RING.is_open), (True, False))

    @given(st.lists(KEYS, min_size=1, max_size=5), KEYS)
    def test_exactly_the_configured_keys_are_accepted(self, keys: list[str], presented: str) -> None:
        principal = KeyRing(tuple(keys)).identify(Credentials(authorization=b"Bearer " + presented.encode()), 0)
        self.assertEqual(principal is not None, presented in keys)


ALICE = KeyPolicy(name="alice", requests_per_minute=3)


def named(key: str, policy: KeyPolicy = ALICE, expires: float | None = None) -> NamedKey:
    return NamedKey(policy, sha256(key.encode()).digest(), expires)


class NamedKeyTests(SynchronousTestCase):
    def test_the_principal_of_a_named_key_is_its_name_whichever_key_it_has(self) -> None:
        for key in ("sk-first", "sk-second"):
            principal = KeyRing(named=(named(key),)).identify(Credentials(api_key=key.encode()), 0)
            self.assertEqual(principal, Principal("alice", ALICE))

    def test_keys_with_and_without_a_name_are_valid_together(self) -> None:
        ring = KeyRing((KEY,), named=(named("sk-named"),))
        self.assertEqual(ring.identify(Credentials(api_key=KEY.encode()), 0), PRINCIPAL)
        self.assertEqual(ring.identify(Credentials(api_key=b"sk-named"), 0), Principal("alice", ALICE))
        self.assertIsNone(ring.identify(Credentials(), 0))

    def test_the_hash_itself_is_no_key(self) -> None:
        digest = named("sk-named").digest
        for presented in (digest, digest.hex().encode()):
            self.assertIsNone(KeyRing(named=(named("sk-named"),)).identify(Credentials(api_key=presented), 0))

    def test_an_expired_key_is_rejected_with_its_name_and_time(self) -> None:
        ring, presented = KeyRing(named=(named("sk-old", expires=100),)), Credentials(api_key=b"sk-old")
        self.assertIsNotNone(ring.identify(presented, 99.9))
        self.assertIsNone(ring.identify(presented, 100))
        wrong = ring.explain_rejection(presented, 100)
        self.assertEqual((wrong.kind, wrong.status, wrong.code), ("invalid_api_key", 401, "invalid_api_key"))
        self.assertIn("key 'alice' has expired at 1970-01-01T00:01:40Z", wrong.message)

    def test_the_rejection_of_an_unknown_key_names_no_key(self) -> None:
        ring = KeyRing(named=(named("sk-old", expires=100),))
        for presented in (Credentials(), Credentials(api_key=b"sk-other")):
            self.assertEqual(ring.explain_rejection(presented, 100).message, "Incorrect or missing API key.")

    def test_after_a_rotation_both_keys_are_valid_until_the_old_one_ends(self) -> None:
        ring = KeyRing(named=(named("sk-new"), named("sk-old", expires=100)))
        for key, now, valid in (("new", 50, True), ("old", 50, True), ("new", 100, True), ("old", 100, False)):
            found = ring.identify(Credentials(api_key=f"sk-{key}".encode()), now)
            self.assertEqual(found == Principal("alice", ALICE), valid, (key, now))
        self.assertEqual(ring.policies, (ALICE,))

    def test_where_keys_are_required_no_key_at_all_opens_nothing(self) -> None:
        ring = KeyRing(is_required=True)
        self.assertFalse(ring.is_open)
        self.assertIsNone(ring.identify(Credentials(), 0))


class SecrecyTests(SynchronousTestCase):
    def test_an_empty_key_is_rejected(self) -> None:
        for key in ("", "  "):
            self.assertRaises(ValueError, KeyRing, (KEY, key))

    def test_no_repr_shows_a_key(self) -> None:
        for value in (
            RING,
            KeyRing(named=(named(KEY),)),
            Credentials(b"Bearer sk-one", b"sk-one", b"sk-one"),
            PRINCIPAL,
        ):
            self.assertNotIn("sk-", repr(value))
            self.assertNotIn("digest", repr(value))
