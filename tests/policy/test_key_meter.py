"""Tests of the meters of API keys."""

from datetime import UTC, datetime

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.event import Usage
from codexd.neutral.fault import Fault, FaultError
from codexd.neutral.turn import Message, TextPart, Turn
from codexd.policy import estimate
from codexd.policy.key_meter import Charge, KeyMeter, KeyMeters, SpentTokens, format_seconds
from codexd.policy.key_policy import KeyPolicy

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC).timestamp()


def used(tokens: int) -> Usage:
    return Usage(input_tokens=tokens)


class MeterCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.counted: list[tuple[str, Usage]] = []
        self.meters = KeyMeters(
            self.clock.seconds, lambda: NOON + self.clock.seconds(), lambda *one: self.counted.append(one)
        )

    def meter(self, **limits: int) -> KeyMeter:
        """Return the meter of a key with these limits, whose past is loaded."""
        self.meters.load(())
        self.meters.apply([KeyPolicy(name="alice", **limits)])  # type: ignore[arg-type]
        meter = self.meters.find("alice")
        assert meter is not None
        return meter

    def refusal(self, charge: Charge, input_tokens: int = 1, output_tokens: int = 0) -> Fault:
        return self.assertRaises(FaultError, charge.reserve, input_tokens, output_tokens).fault


class RequestLimitTests(MeterCase):
    def test_requests_beyond_the_limit_are_refused_until_there_is_room(self) -> None:
        meter = self.meter(requests_per_minute=2)
        meter.admit_request()
        meter.admit_request()
        refused = self.assertRaises(FaultError, meter.admit_request).fault
        self.assertEqual(
            (refused.kind, refused.status, refused.code), ("key_request_limit", 429, "rate_limit_exceeded")
        )
        self.assertAlmostEqual(refused.retry_after_seconds or 0, 30)
        self.assertIn("'alice' on requests per minute: limit 2. Please try again in 30s.", refused.message)
        self.clock.advance(30)
        meter.admit_request()

    def test_headers_show_the_limits_that_there_are(self) -> None:
        meter = self.meter(requests_per_minute=60)
        meter.admit_request()
        self.assertEqual(
            dict(meter.headers()),
            {
                b"x-ratelimit-limit-requests": b"60",
                b"x-ratelimit-remaining-requests": b"59",
                b"x-ratelimit-reset-requests": b"1s",
            },
        )
        self.assertEqual(self.meter().headers(), ())


class TokenLimitTests(MeterCase):
    def test_running_requests_hold_what_they_reserved(self) -> None:
        meter = self.meter(tokens_per_minute=1000)
        first, second = Charge(meter), Charge(meter)
        first.reserve(300, 500)
        refused = self.refusal(second, 300)
        self.assertEqual((refused.kind, refused.type), ("key_token_limit", "tokens"))
        self.assertAlmostEqual(refused.retry_after_seconds or 0, 6)
        first.spend(used(100))
        first.close()
        second.reserve(300, 0)

    def test_more_than_the_reservation_is_a_debt_of_the_key(self) -> None:
        meter = self.meter(tokens_per_minute=60)
        charge = Charge(meter)
        charge.reserve(1, 1)
        charge.spend(used(180))
        charge.close()
        self.assertAlmostEqual(self.refusal(Charge(meter)).retry_after_seconds or 0, 121)
        self.assertEqual(dict(meter.headers())[b"x-ratelimit-remaining-tokens"], b"0")
        self.assertEqual(dict(meter.headers())[b"x-ratelimit-reset-tokens"], b"3m0s")

    def test_an_input_above_the_limit_is_refused_for_good(self) -> None:
        refused = self.refusal(Charge(self.meter(tokens_per_minute=60)), 61)
        self.assertEqual((refused.kind, refused.status, refused.should_retry), ("key_request_too_large", 429, False))

    def test_expected_output_above_the_limit_waits_for_a_full_bucket_only(self) -> None:
        charge = Charge(self.meter(tokens_per_minute=60))
        charge.reserve(10, 10**6)
        charge.spend(used(12))
        charge.close()
        self.assertAlmostEqual(charge.meter.tokens.available(0), 48)  # type: ignore[union-attr]

    def test_a_charge_that_is_taken_over_stays_reserved_when_the_first_is_closed(self) -> None:
        meter = self.meter(tokens_per_minute=100)
        charge = Charge(meter)
        charge.reserve(60, 0)
        background = charge.take_over()
        charge.close()
        self.assertEqual(meter.reserved, 60)
        background.close()
        background.close()
        self.assertEqual(meter.reserved, 0)

    def test_the_input_of_all_choices_is_estimated_once(self) -> None:
        estimated: list[Turn] = []
        self.patch(estimate, "input_tokens", lambda turn: estimated.append(turn) or len(estimated))
        charge, items = Charge(self.meter()), (Message(role="user", parts=(TextPart("hi"),)),)
        turns = [Turn(model="m", items=items) for _ in range(3)]
        self.assertEqual([charge.input_tokens(turn) for turn in turns], [1, 1, 1])
        self.assertEqual(charge.input_tokens(Turn(model="m", items=(*items, *items))), 2)
        charge.close()
        self.assertEqual(charge.input_tokens(turns[0]), 3)

    def test_without_a_limit_of_tokens_nothing_is_reserved_but_all_is_counted(self) -> None:
        meter = self.meter(requests_per_minute=1)
        charge = Charge(meter)
        charge.reserve(10, 10)
        self.assertEqual(meter.reserved, 0)
        charge.spend(used(30))
        self.assertEqual(self.counted, [("alice", used(30))])
        self.assertEqual({one.period: one.tokens for one in meter.spent()}, {"2026-11-30": 30, "2026-11": 30})


class BudgetTests(MeterCase):
    def test_a_budget_that_is_used_up_is_an_exhausted_quota(self) -> None:
        meter = self.meter(tokens_per_day=100, tokens_per_month=1000)
        Charge(meter).spend(used(100))
        refused = self.refusal(Charge(meter))
        self.assertEqual((refused.status, refused.code, refused.should_retry), (429, "insufficient_quota", False))
        self.assertIn("100 tokens a day. The next day begins at 2026-12-01T00:00:00Z.", refused.message)
        self.clock.advance(12 * 3600)
        Charge(meter).reserve(1, 0)

    def test_the_month_counts_over_days(self) -> None:
        meter = self.meter(tokens_per_day=100, tokens_per_month=150)
        meter.budgets[1].period, meter.budgets[1].spent = meter.budgets[1].period, 60
        Charge(meter).spend(used(90))
        self.assertIn("a month. The next month begins at 2026-12-01T", self.refusal(Charge(meter)).message)

    def test_parallel_requests_cannot_share_what_is_left(self) -> None:
        meter = self.meter(tokens_per_day=100)
        first, second = Charge(meter), Charge(meter)
        first.reserve(50, 1000)
        refused = self.refusal(second)
        self.assertEqual((refused.kind, refused.should_retry), ("key_token_limit", None))
        first.close()
        second.reserve(1, 0)

    def test_budgets_refuse_until_the_past_is_known(self) -> None:
        self.meters.apply([KeyPolicy(name="alice", tokens_per_day=100), KeyPolicy(name="bob", tokens_per_minute=100)])
        alice, bob = self.meters.find("alice"), self.meters.find("bob")
        assert alice is not None
        assert bob is not None
        self.assertEqual(self.refusal(Charge(alice)).kind, "not_ready")
        Charge(bob).reserve(1, 1)
        Charge(alice).spend(used(5))
        self.meters.load((SpentTokens("alice", "2026-11-30", 95), SpentTokens("bob", "2026-11-30", 7)))
        self.assertEqual(self.refusal(Charge(alice)).kind, "key_budget_exhausted")

    def test_what_another_period_or_key_spent_does_not_count(self) -> None:
        self.meters.load((SpentTokens("alice", "2026-11-29", 100), SpentTokens("carol", "2026-11-30", 100)))
        self.meters.apply([KeyPolicy(name="alice", tokens_per_day=100)])
        Charge(self.meters.find("alice")).reserve(1, 0)  # type: ignore[arg-type]


class ReloadTests(MeterCase):
    def test_other_limits_keep_what_was_counted(self) -> None:
        meter = self.meter(requests_per_minute=1, tokens_per_day=100)
        meter.admit_request()
        Charge(meter).spend(used(100))
        self.meters.apply([KeyPolicy(name="alice", requests_per_minute=2, tokens_per_day=200)])
        self.assertIs(self.meters.find("alice"), meter)
        self.assertAlmostEqual(self.assertRaises(FaultError, meter.admit_request).fault.retry_after_seconds or 0, 30)
        Charge(meter).reserve(1, 0)
        self.assertEqual(meter.budgets[0].left(), 100)

    def test_a_key_that_is_removed_and_added_again_gets_nothing_back(self) -> None:
        meter = self.meter(tokens_per_day=100)
        Charge(meter).spend(used(100))
        self.meters.apply([])
        self.meters.apply([KeyPolicy(name="alice", tokens_per_day=100)])
        self.assertEqual(self.refusal(Charge(self.meters.find("alice"))).kind, "key_budget_exhausted")  # type: ignore[arg-type]

    def test_no_key_pays_for_another(self) -> None:
        self.meters.load(())
        self.meters.apply([KeyPolicy(name=name, tokens_per_minute=10, requests_per_minute=1) for name in "ab"])
        first, second = self.meters.find("a"), self.meters.find("b")
        assert first is not None
        assert second is not None
        first.admit_request()
        Charge(first).spend(used(50))
        second.admit_request()
        Charge(second).reserve(10, 0)


class FormatTests(SynchronousTestCase):
    def test_durations_have_the_form_of_openai_and_are_rounded_up(self) -> None:
        for seconds, text in (
            (0, "0ms"),
            (0.02, "20ms"),
            (0.0201, "21ms"),
            (0.9999, "1s"),
            (1, "1s"),
            (1.01, "2s"),
            (60, "1m0s"),
            (360, "6m0s"),
            (3600, "1h0m0s"),
            (86399.5, "24h0m0s"),
        ):
            self.assertEqual(format_seconds(seconds), text, seconds)


class ChargeMachine(RuleBasedStateMachine):
    """Any order of requests that are admitted, answered, cut and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clock.advance(1e6)
        meters = KeyMeters(self.clock.seconds, lambda: NOON)
        meters.load(())
        meters.apply([KeyPolicy(name="a", tokens_per_minute=100, tokens_per_day=2000)])
        self.meter = meters.find("a")
        assert self.meter is not None
        self.charges: list[Charge] = []
        self.closed: list[Charge] = []
        self.spent = 0

    @rule(input_tokens=st.integers(0, 60), output_tokens=st.integers(0, 200))
    def admit(self, input_tokens: int, output_tokens: int) -> None:
        charge = Charge(self.meter)
        exhausted = self.meter.budgets[0].left() <= self.meter.reserved
        try:
            charge.reserve(input_tokens, output_tokens)
        except FaultError:
            return
        assert not exhausted
        self.charges.append(charge)

    @rule(pick=st.integers(0, 99), tokens=st.integers(0, 300))
    def spend(self, pick: int, tokens: int) -> None:
        charges = self.charges + self.closed
        if charges:
            charges[pick % len(charges)].spend(used(tokens))
            self.spent += tokens

    @rule(pick=st.integers(0, 99))
    def close(self, pick: int) -> None:
        if self.charges:
            charge = self.charges.pop(pick % len(self.charges))
            charge.close()
            self.closed.append(charge)

    @rule(pick=st.integers(0, 99))
    def take_over(self, pick: int) -> None:
        if self.charges:
            self.charges.append(self.charges[pick % len(self.charges)].take_over())

    @rule(seconds=st.floats(0, 30))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def everything_that_was_used_is_counted_and_nothing_else(self) -> None:
        assert self.meter.budgets[0].spent == self.spent
        assert self.meter.reserved >= 0
        assert self.meter.tokens.available(self.clock.seconds()) <= 100

    def teardown(self) -> None:
        for charge in self.charges:
            charge.close()
        assert self.meter.reserved == 0


class ChargeMachineTests(SynchronousTestCase):
    def test_any_order_of_requests(self) -> None:
        run_state_machine_as_test(ChargeMachine, settings=settings.get_profile("machines"))  # type: ignore[no-untyped-call]
