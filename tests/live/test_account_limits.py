"""The limits of the Codex account, as the real Codex reads them from its provider's headers."""

import time

from codexd.fronts.usage.times import format_time
from codexd.wire.json import Json
from tests.support.live_daemon import DaemonSetup, LiveTestCase
from tests.support.processes import wait_until

LIMITS = "/v1/usage/limits"


class AccountLimitsTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True, settings="[turns]\nretries = 0\n")

    def use(self, percent: int, resets_at: int) -> None:
        """Let the provider report how much of the short window is used, and read an answer of it."""
        headers = {"used-percent": percent, "window-minutes": 300, "reset-at": resets_at}
        self.daemon.provider.set_headers({f"x-codex-primary-{name}": str(value) for name, value in headers.items()})
        self.addCleanup(self.daemon.provider.set_headers, {})
        self.daemon.chat_text("say: hi")
        wait_until(lambda: [one["used_percent"] for one in self.limits["windows"]] == [percent], "reported")

    @property
    def limits(self) -> Json:
        return self.daemon.get(LIMITS).json

    def test_the_window_is_at_the_endpoint_in_the_headers_and_in_the_metrics(self) -> None:
        resets_at = int(time.time()) + 7200
        self.use(42, resets_at)
        shown = {"window": "primary", "used_percent": 42, "minutes": 300, "resets_at": format_time(resets_at)}
        self.assertEqual((self.limits["windows"], self.limits["message"]), ([shown], None))
        for stream in (False, True):
            headers = self.daemon.chat("say: hi", stream=stream).headers
            self.assertEqual(headers["x-ratelimit-remaining-primary"], "58%")
            self.assertRegex(headers["x-ratelimit-reset-primary"], r"^(2h0m0s|1h5\dm\d+s)$")
        self.assertNotIn("x-ratelimit-reset-primary", self.daemon.get("/v1/models").headers)
        metric = self.daemon.metric
        self.assertEqual(metric('codexd_account_limit_used_ratio{window="primary"}'), 0.42)
        self.assertEqual(metric('codexd_account_limit_reset_timestamp_seconds{window="primary"}'), resets_at)

    def test_a_reached_limit_says_when_it_resets(self) -> None:
        resets_at = int(time.time()) + 3600
        self.use(100, resets_at)
        answer = self.daemon.chat("fail: insufficient_quota")
        self.assertEqual(answer.status, 429, answer.body)
        self.assertIn(format_time(resets_at), answer.json["error"]["message"])
        self.assertLess(abs(int(answer.headers["retry-after"]) - 3600), 120)

    def test_a_delay_that_the_provider_names_itself_is_passed_on(self) -> None:
        self.use(100, int(time.time()) + 3600)
        self.assertLess(int(self.daemon.chat("fail: rate_limit_exceeded").headers["retry-after"]), 120)

    def test_a_limit_that_is_not_reached_is_not_blamed(self) -> None:
        self.use(50, int(time.time()) + 3600)
        self.assertNotIn("retry-after", self.daemon.chat("fail: insufficient_quota").headers)


class NoAccountTests(LiveTestCase):
    def test_the_scripted_model_has_no_account(self) -> None:
        limits = self.daemon.get(LIMITS).json
        self.assertEqual((limits["account"], limits["windows"]), (None, []))
        self.assertIn("no Codex account", limits["message"])
        self.assertNotIn("x-ratelimit-limit-primary", self.daemon.chat("say: hi").headers)
