from typing import get_args

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.child.slot import SlotState
from codexd.neutral.login_state import LoginState
from codexd.page.backends import backends_section, describe_state, workers_section
from codexd.page.html import render
from tests.page.test_status import CODEX, WORKER

NOW = 1_700_000_000.0


class BackendTests(SynchronousTestCase):
    def show(self, account: LoginState | None) -> str:
        return render(backends_section([evolve(CODEX, account=account)], NOW)).decode()

    def test_the_account_is_shown_with_the_end_of_its_token(self) -> None:
        for account, shown in (
            (None, "<td>-</td>"),
            (LoginState(), '<span class="bad">logged out</span>: run <code>codexd login</code>'),
            (LoginState(type="apiKey"), "<td>apiKey</td>"),
            (
                LoginState(type="chatgpt", plan="plus", expires_at=NOW + 7260),
                "chatgpt (plus), its token expires in 2 h 1 min",
            ),
            (LoginState(type="chatgpt", expires_at=NOW - 1), 'chatgpt, <span class="bad">its token has expired</span>'),
        ):
            self.assertIn(shown, self.show(account))


class WorkerTests(SynchronousTestCase):
    def test_every_state_has_words(self) -> None:
        for state in get_args(SlotState):
            self.assertNotIn(state, describe_state(evolve(WORKER, state=state, next_start_seconds=12.0)))

    def test_a_worker_that_waits_says_for_how_long(self) -> None:
        for state, words in (
            ("BackingOff", "waits 12.0 s before the next start"),
            ("Down", "too many restarts: waits 12.0 s before the next start"),
        ):
            self.assertEqual(describe_state(evolve(WORKER, state=state, next_start_seconds=12.0)), words)

    def test_restarts_hangs_and_the_last_exit_are_shown(self) -> None:
        worker = evolve(WORKER, restarts=31, hangs=27, last_exit="killed by codexd: it did not respond")
        shown = render(workers_section([worker]))
        for text in (b">31<", b">27<", b">killed by codexd: it did not respond<"):
            self.assertIn(text, shown)
