"""codexd.policy.shared_breaker: the circuits of an upstream that several principals use."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.fault import fault
from codexd.policy.breaker import FAILURE_KINDS, BreakerPolicy
from codexd.policy.shared_breaker import SharedBreaker, SharedPermit, failure_kind

POLICY = BreakerPolicy(failures=4, open_seconds=10.0)
CUT = "stream_cut"
DOWN = "unreachable"


class Driver:
    """A breaker, and the requests that principals send through it one after the other."""

    def __init__(self, policy: BreakerPolicy = POLICY) -> None:
        self.breaker = SharedBreaker(policy)
        self.now = 0.0

    def request(self, principal: str, kind: str | None) -> bool:
        """Send a request with this outcome; return whether it was permitted."""
        permit = self.breaker.acquire(principal, self.now)
        if permit is not None:
            self.breaker.release(permit, kind, self.now)
        return permit is not None

    def requests(self, principals: str, kind: str | None) -> list[bool]:
        """Send one request of each of these principals, whose names have one letter."""
        return [self.request(principal, kind) for principal in principals]


class SharedBreakerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.driver = Driver()

    def test_the_failures_of_one_principal_open_only_its_own_circuit(self) -> None:
        for kind in FAILURE_KINDS - {DOWN}:
            driver = Driver()
            self.assertEqual(driver.requests("aaaaa", kind), [True] * 4 + [False])
            self.assertTrue(driver.breaker.has_own_open("a"))
            self.assertEqual(driver.breaker.own_open, ("a",))
            self.assertFalse(driver.breaker.is_open)
            self.assertEqual(driver.breaker.remaining_seconds(0.0, "a"), 10.0)
            self.assertEqual(driver.breaker.remaining_seconds(0.0), 0.0)
            self.assertTrue(driver.request("b", None))
            self.assertFalse(driver.request("a", None))
            driver.now = 10.0
            self.assertTrue(driver.request("a", None))
            self.assertFalse(driver.breaker.has_own_open("a"))
            self.assertEqual(driver.breaker.own_open, ())

    def test_an_outage_opens_it_for_all_whoever_meets_it(self) -> None:
        self.assertEqual(self.driver.requests("aaaa", DOWN), [True] * 4)
        self.assertTrue(self.driver.breaker.is_open)
        self.assertFalse(self.driver.request("b", None))

    def test_an_outage_can_open_it_sooner_than_other_failures(self) -> None:
        driver = Driver(BreakerPolicy(4, 10.0, outages=1))
        driver.requests("ab", CUT)
        self.assertFalse(driver.breaker.is_open)
        self.assertEqual(driver.requests("ab", DOWN), [True, False])
        self.assertTrue(driver.breaker.has_outage)

    def test_the_end_of_an_outage_closes_it_and_other_failures_are_no_outage(self) -> None:
        driver = Driver(BreakerPolicy(4, 10.0, outages=1))
        driver.request("a", DOWN)
        driver.breaker.close()
        self.assertEqual((driver.breaker.has_outage, driver.request("b", None)), (False, True))
        driver.requests("aabb", CUT)
        self.assertEqual((driver.breaker.is_open, driver.breaker.has_outage), (True, False))

    def test_a_request_from_before_the_opening_does_not_change_its_cause(self) -> None:
        driver = Driver(BreakerPolicy(4, 10.0, outages=1))
        early = [driver.breaker.acquire(name, 0.0) for name in "cd"]
        driver.request("a", DOWN)
        for permit, kind in zip(early, (None, CUT), strict=True):
            assert permit is not None
            driver.breaker.release(permit, kind, 1.0)
        self.assertTrue(driver.breaker.has_outage)
        driver.now = 10.0
        driver.request("b", CUT)
        self.assertEqual((driver.breaker.is_open, driver.breaker.has_outage), (True, False))

    def test_failures_of_several_principals_open_it_for_all(self) -> None:
        for principals, opens in (
            ("aabb", True),
            ("abab", True),
            ("abcd", True),
            ("aaab", False),
            ("abbb", False),
            ("aaabb", True),
            ("aaa", False),
        ):
            driver = Driver()
            driver.requests(principals, CUT)
            self.assertEqual(driver.breaker.is_open, opens, principals)

    def test_a_limit_of_one_failure_still_needs_two_principals(self) -> None:
        driver = Driver(BreakerPolicy(1, 10.0))
        self.assertEqual(driver.requests("aab", CUT), [True, False, True])
        self.assertTrue(driver.breaker.is_open)

    def test_a_success_of_anyone_resets_the_failures_of_all(self) -> None:
        self.driver.requests("aab", CUT)
        self.driver.request("c", None)
        self.driver.requests("bab", CUT)
        self.assertFalse(self.driver.breaker.is_open)

    def test_a_principal_that_fails_as_the_probe_leaves_the_next_probe_to_others(self) -> None:
        self.driver.requests("aabb", CUT)
        self.driver.now = 10.0
        self.assertTrue(self.driver.request("a", CUT))
        self.driver.now = 20.0
        self.assertFalse(self.driver.request("a", None))
        self.assertTrue(self.driver.request("b", None))
        self.assertFalse(self.driver.breaker.is_open)
        self.assertFalse(self.driver.request("a", None))
        self.driver.now = 30.0
        self.assertTrue(self.driver.request("a", None))

    def test_an_abandoned_probe_permits_another(self) -> None:
        self.driver.requests("aabb", CUT)
        self.driver.now = 10.0
        self.assertEqual(self.driver.requests("ab", "cancelled"), [True, True])

    def test_requests_from_before_the_opening_do_not_change_it(self) -> None:
        early = self.driver.breaker.acquire("c", 0.0)
        assert early is not None
        self.driver.requests("aaaa", DOWN)
        self.driver.breaker.release(early, None, 5.0)
        self.assertTrue(self.driver.breaker.is_open)

    @given(
        st.lists(
            st.tuples(
                st.floats(0, 8),
                st.sampled_from(("acquire", None, CUT, DOWN, "model_failed", "cancelled")),
                st.sampled_from("abc"),
                st.integers(0, 9),
            ),
            max_size=60,
        )
    )
    def test_there_is_one_probe_of_each_circuit_and_none_stays_open(
        self, moves: list[tuple[float, str | None, str, int]]
    ) -> None:
        driver, out = Driver(), list[SharedPermit]()
        for seconds, move, principal, which in moves:
            driver.now += seconds
            if move == "acquire":
                permit = driver.breaker.acquire(principal, driver.now)
                out += [] if permit is None else [permit]
            elif out:
                driver.breaker.release(out.pop(which % len(out)), move, driver.now)
            self.assertLessEqual(sum(permit.shared.probe for permit in out), 1)
            for name in "abc":
                self.assertLessEqual(sum(permit.own.probe for permit in out if permit.principal == name), 1)
        for permit in out:
            driver.breaker.release(permit, "cancelled", driver.now)
        driver.now += 2 * POLICY.open_seconds
        self.assertEqual(driver.requests("abc", None), [True] * 3)
        self.assertEqual(driver.breaker._own, {})

    @given(st.lists(st.sampled_from((None, *sorted(FAILURE_KINDS - {DOWN}), "cancelled", 3.0, 11.0)), max_size=60))
    def test_one_principal_never_closes_out_the_others(self, moves: list[str | float | None]) -> None:
        driver = Driver()
        for move in moves:
            if isinstance(move, float):
                driver.now += move
            else:
                driver.request("a", move)
            self.assertEqual((driver.breaker.is_open, driver.breaker.remaining_seconds(driver.now, "b")), (False, 0))


class FailureKindTests(SynchronousTestCase):
    def test_a_lost_connection_is_no_outage(self) -> None:
        down = fault(DOWN)
        for note, kind in ((None, DOWN), ("connect", DOWN), ("dns", DOWN), ("tls", DOWN), ("lost", CUT)):
            self.assertEqual(failure_kind(evolve(down, note=note)), kind)
        self.assertEqual(failure_kind(fault("overloaded")), "overloaded")
