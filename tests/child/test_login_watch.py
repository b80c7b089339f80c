from math import isnan

from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from codexd.backs.login_file import Login, parse_login
from codexd.child.login_watch import CHECK_SECONDS, REPEAT_SECONDS, LoginWatch
from codexd.neutral.login_state import LoginState
from codexd.observe.metrics import Metrics
from tests.support.logins import chatgpt_login
from tests.support.metric_samples import find_sample

DAY = 86400.0


class LoginWatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.login: Login | None = parse_login(chatgpt_login(int(3 * DAY)))
        self.changes = 0
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.record)
        self.addCleanup(globalLogPublisher.removeObserver, self.record)
        self.watch = LoginWatch(
            backend="codex",
            read=lambda: self.login,
            clock=self.clock,
            now=self.clock.seconds,
            metrics=self.metrics,
            on_changed=self.count_change,
        )
        self.watch.startService()
        self.addCleanup(self.watch.stopService)

    def record(self, event: dict[str, object]) -> None:
        if event.get("log_namespace") == "codexd.child.login_watch.LoginWatch":
            self.lines.append(formatEvent(event))

    def count_change(self) -> None:
        self.changes += 1

    def advance(self, seconds: float) -> None:
        self.clock.pump([CHECK_SECONDS] * int(seconds // CHECK_SECONDS))

    def gauge(self, name: str) -> float:
        sample = find_sample(self.metrics.render(), f'codexd_account_{name}{{backend="codex"}}')
        assert sample is not None
        return sample

    def test_the_state_and_the_gauges_follow_the_file(self) -> None:
        self.assertEqual(self.watch.state, LoginState(type="chatgpt", plan="pro", expires_at=3 * DAY))
        self.assertEqual((self.gauge("logged_in"), self.gauge("expires_seconds")), (1, 3 * DAY))
        self.login = None
        self.advance(CHECK_SECONDS)
        self.assertEqual(self.watch.state, LoginState())
        self.assertEqual((self.gauge("logged_in"), isnan(self.gauge("expires_seconds"))), (0, True))
        self.assertIn("codex: Codex is logged out; log in with `codexd login`", self.lines)
        self.assertEqual(self.changes, 0)

    def test_another_login_is_reported_once_and_a_renewed_token_never(self) -> None:
        assert self.login is not None
        self.login = evolve(self.login, expires_at=4 * DAY)
        self.advance(CHECK_SECONDS)
        self.assertEqual((self.changes, self.lines), (0, []))
        self.login = Login(type="apiKey", identity="key")
        self.advance(3 * CHECK_SECONDS)
        self.assertEqual((self.changes, len(self.lines)), (1, 1))

    def test_a_login_for_which_the_processes_are_replaced_anyhow_is_no_change(self) -> None:
        self.login = Login(type="apiKey", identity="key")
        self.watch.note()
        self.advance(CHECK_SECONDS)
        self.assertEqual(self.changes, 0)

    def test_the_end_of_a_token_is_warned_of_once_each_time(self) -> None:
        self.advance(4 * DAY)
        ends = ["expires within 24 h", "expires within 1 h", "has expired"]
        self.assertEqual([end for line, end in zip(self.lines, ends, strict=True) if end in line], ends)

    def test_a_turn_that_fails_because_of_the_login_is_reported_at_most_every_few_minutes(self) -> None:
        for kind in ("overloaded", "login_expired", "credentials_rejected"):
            self.watch.turn_failed(kind)
        self.assertEqual(len(self.lines), 1)
        self.assertIn("OpenAI rejects the login of Codex (login_expired); log in again", self.lines[0])
        self.clock.advance(REPEAT_SECONDS)
        self.watch.turn_failed("credentials_rejected")
        self.assertEqual(len(self.lines), 2)
