from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from codexd.account.report import AccountReport, build_object, mask_email, read_report, render_text
from codexd.backs.login_file import parse_login
from tests.support.fake_account_child import ACCOUNT, LIMITS, FakeAccountChild
from tests.support.logins import chatgpt_login, key_login

HOME = Path("/home/ann/.codex")


class ReportTests(SynchronousTestCase):
    def report(self, child: FakeAccountChild, file: bytes = b"") -> AccountReport:
        return read_report(child, HOME, parse_login(file))  # type: ignore[arg-type]

    def test_a_chatgpt_account_is_shown_with_plan_token_and_limits(self) -> None:
        report = self.report(FakeAccountChild(account=ACCOUNT, limits=LIMITS), chatgpt_login(7_300))
        self.assertEqual(
            render_text(report, 100, show_email=False).splitlines(),
            [
                "CODEX_HOME:  /home/ann/.codex",
                "Account:     chatgpt, plan pro, a***@example.com",
                "Token:       valid until 1970-01-01 02:01 UTC (2 h); Codex renews it while it is used",
                "Limit:       5 h: 12 % used, resets at 1970-01-01 00:16 UTC",
                "Limit:       7 d: 3 % used",
            ],
        )
        shown = build_object(report, 100, show_email=True)
        self.assertEqual((shown["email"], shown["expires_in_seconds"]), ("ann@example.com", 7_200))
        self.assertEqual(shown["limits"][0], {"window_minutes": 300, "used_percent": 12, "resets_at": 1_000})

    def test_without_a_network_the_file_of_codex_is_shown(self) -> None:
        report = self.report(FakeAccountChild(problem="discovery failed"), chatgpt_login(50))
        self.assertTrue(report.is_logged_in)
        text = render_text(report, 100, show_email=False)
        for part in ("plan pro, a***@example.com", "expired at 1970-01-01 00:00 UTC", "discovery failed"):
            self.assertIn(part, text)
        self.assertIsNone(build_object(report, 100, show_email=False)["limits"])

    def test_a_login_that_codex_could_not_renew_is_expired(self) -> None:
        report = self.report(FakeAccountChild(), chatgpt_login(50))
        self.assertFalse(report.is_logged_in)
        self.assertIn("has expired and Codex could not renew it; run `codexd login`", render_text(report, 100, False))
        self.assertTrue(build_object(report, 100, show_email=False)["expired"])

    def test_nobody_is_logged_in_without_an_account(self) -> None:
        for child in (FakeAccountChild(), FakeAccountChild(problem="discovery failed")):
            report = self.report(child)
            self.assertEqual((report.is_logged_in, report.is_expired), (False, False))
            self.assertIn("logged out; run `codexd login`", render_text(report, 100, show_email=False))

    def test_an_api_key_has_neither_token_nor_limits(self) -> None:
        child = FakeAccountChild(account={"type": "apiKey"}, limits=LIMITS)
        text = render_text(self.report(child, key_login()), 100, show_email=False)
        self.assertEqual(text, "CODEX_HOME:  /home/ann/.codex\nAccount:     apiKey\n")

    def test_an_address_is_masked(self) -> None:
        self.assertEqual([mask_email(text) for text in ("a@b.org", "", "x")], ["a***@b.org", "***", "***x"])
