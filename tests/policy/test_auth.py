"""Tests of API key authentication."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.auth import ANONYMOUS, Credentials, KeyRing, Principal

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
            self.assertEqual(RING.identify(Credentials(authorization=authorization)), PRINCIPAL, authorization)
        self.assertEqual(RING.identify(Credentials(x_api_key=b"sk-one")), PRINCIPAL)
        self.assertEqual(RING.identify(Credentials(api_key=b" sk-one")), PRINCIPAL)

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
            self.assertIsNone(RING.identify(credentials), value)
        self.assertIsNone(RING.identify(Credentials()))

    def test_a_scheme_is_parsed_only_in_authorization(self) -> None:
        self.assertIsNone(RING.identify(Credentials(x_api_key=b"Bearer sk-one")))

    def test_a_valid_key_counts_even_beside_an_invalid_one(self) -> None:
        self.assertEqual(RING.identify(Credentials(authorization=b"Bearer none", x_api_key=b"sk-one")), PRINCIPAL)
        self.assertEqual(RING.identify(Credentials(authorization=b"Bearer sk-one", api_key=b"none")), PRINCIPAL)

    def test_every_key_has_its_own_principal(self) -> None:
        other = RING.identify(Credentials(api_key=OTHER.encode()))
        self.assertNotIn(other, (None, PRINCIPAL))

    def test_without_configured_keys_every_request_is_anonymous(self) -> None:
        for credentials in (Credentials(), Credentials(authorization=b"Bearer dummy")):
            self.assertEqual(KeyRing().identify(credentials), ANONYMOUS)
        self.assertEqual((KeyRing().is_open, RING.is_open), (True, False))

    @given(st.lists(KEYS, min_size=1, max_size=5), KEYS)
    def test_exactly_the_configured_keys_are_accepted(self, keys: list[str], presented: str) -> None:
        principal = KeyRing(tuple(keys)).identify(Credentials(authorization=b"Bearer " + presented.encode()))
        self.assertEqual(principal is not None, presented in keys)


class SecrecyTests(SynchronousTestCase):
    def test_an_empty_key_is_rejected(self) -> None:
        for key in ("", "  "):
            self.assertRaises(ValueError, KeyRing, (KEY, key))

    def test_no_repr_shows_a_key(self) -> None:
        for value in (RING, Credentials(b"Bearer sk-one", b"sk-one", b"sk-one"), PRINCIPAL):
            self.assertNotIn("sk-", repr(value))
            self.assertNotIn("digest", repr(value))
