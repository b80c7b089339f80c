from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.login_file import Login, parse_login
from codexd.wire.json import decode, encode
from tests.support.logins import chatgpt_login, key_login


class LoginFileTests(SynchronousTestCase):
    def parse(self, data: bytes) -> Login:
        login = parse_login(data)
        assert login is not None
        return login

    def test_a_chatgpt_login_has_a_plan_an_address_and_the_end_of_its_token(self) -> None:
        login = self.parse(chatgpt_login(2_000_000_000, issued_at=1_999_000_000))
        self.assertEqual((login.type, login.plan, login.email), ("chatgpt", "pro", "ann@example.com"))
        self.assertEqual((login.issued_at, login.expires_at), (1_999_000_000.0, 2_000_000_000.0))

    def test_an_api_key_has_no_known_end(self) -> None:
        login = self.parse(key_login())
        self.assertEqual((login.type, login.plan, login.expires_at), ("apiKey", None, None))
        old = self.parse(encode({"OPENAI_API_KEY": "sk-none"}))
        self.assertEqual(old, login)

    def test_the_identity_changes_with_the_account_and_not_with_a_renewal(self) -> None:
        first, renewed = self.parse(chatgpt_login(1)), self.parse(chatgpt_login(2))
        other = self.parse(chatgpt_login(1, email="bob@example.com"))
        self.assertEqual(first.identity, renewed.identity)
        self.assertNotEqual(first.identity, other.identity)
        self.assertNotEqual(self.parse(key_login("a")).identity, self.parse(key_login("b")).identity)

    def test_no_secret_is_in_its_text(self) -> None:
        for data in (chatgpt_login(1), key_login("sk-secret")):
            text = repr(self.parse(data))
            for secret in ("secret", "ann@", "identity"):
                self.assertNotIn(secret, text)

    def test_a_file_without_a_login_has_none(self) -> None:
        for data in (b"", b"[]", b"{}", b"{", b'{"OPENAI_API_KEY": null}', b'{"auth_mode": "apikey"}'):
            self.assertIsNone(parse_login(data), data)

    def test_another_mode_of_codex_is_named(self) -> None:
        self.assertEqual(self.parse(b'{"auth_mode": "agentIdentity"}').type, "agentIdentity")

    @given(
        st.recursive(
            st.none() | st.integers(-9, 9) | st.text(max_size=9), lambda inner: st.dictionaries(st.text(), inner)
        )
    )
    def test_tokens_of_any_shape_are_read_without_an_error(self, value: object) -> None:
        content = decode(chatgpt_login(1))
        for name in ("id_token", "access_token", "account_id"):
            content["tokens"][name] = value
            self.assertEqual(self.parse(encode(content)).type, "chatgpt")

    @given(st.binary() | st.text().map(str.encode))
    def test_the_claims_of_a_token_of_any_content_are_read_without_an_error(self, claims: bytes) -> None:
        content = decode(chatgpt_login(1))
        content["tokens"]["access_token"] = f"a.{claims.hex()}.c"
        self.assertEqual(self.parse(encode(content)).type, "chatgpt")
