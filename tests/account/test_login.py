from twisted.trial.unittest import SynchronousTestCase

from codexd.account import login
from codexd.account.child import AccountError
from codexd.backs import bindings as b
from tests.support.fake_account_child import COMPLETED, FAILED, FakeAccountChild


class LoginTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shown: list[str] = []

    def test_a_login_with_a_browser_shows_the_address_and_waits(self) -> None:
        child = FakeAccountChild(end=COMPLETED)
        login.log_in_with_browser(child, self.shown.append)  # type: ignore[arg-type]
        self.assertEqual(child.calls, [b.LoginStart("chatgpt")])
        self.assertIn("https://login.example/?a=b", self.shown[0])
        self.assertIn("Ctrl-C", self.shown[1])

    def test_a_login_on_another_device_shows_the_address_and_the_code(self) -> None:
        child = FakeAccountChild(end=COMPLETED)
        login.log_in_with_device(child, self.shown.append)  # type: ignore[arg-type]
        self.assertEqual(child.calls, [b.LoginStart("chatgptDeviceCode")])
        for text in ("https://login.example/device", "ABCD-1234"):
            self.assertIn(text, self.shown[0])

    def test_a_login_that_is_interrupted_or_takes_too_long_is_cancelled(self) -> None:
        for why in (KeyboardInterrupt(), AccountError("too long")):
            child = FakeAccountChild(end=why)
            self.assertRaises(type(why), login.log_in_with_browser, child, self.shown.append)
            self.assertEqual(child.calls[1:], [b.LoginCancel("one")])

    def test_a_login_that_fails_says_why(self) -> None:
        child = FakeAccountChild(end=FAILED)
        error = self.assertRaises(AccountError, login.log_in_with_browser, child, self.shown.append)
        self.assertIn("the login failed: Login server error", str(error))
        self.assertEqual(len(child.calls), 1)

    def test_a_key_is_sent_and_never_shown(self) -> None:
        child = FakeAccountChild(end=COMPLETED)
        login.log_in_with_key(child, "sk-secret")  # type: ignore[arg-type]
        self.assertEqual(child.calls, [b.LoginStart("apiKey", "sk-secret")])
        self.assertNotIn("secret", repr(child.calls))
