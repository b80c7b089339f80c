from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord
from codexd.observe.recent_requests import RecentRequests, RequestFilter


def make_record(id: str, route: str = "/v1/chat/completions", **fields: str) -> RequestRecord:
    return RequestRecord(id=id, route=route, **fields)  # type: ignore[arg-type]


class RecentRequestsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recent = RecentRequests(3)

    def ids(self, count: int = 10, **conditions: str) -> list[str]:
        return [one.record.id for one in self.recent.latest(count, RequestFilter(**conditions))]

    def end(self, record: RequestRecord) -> None:
        self.recent.began(record)
        self.recent.ended(record)

    def test_the_newest_are_first_and_the_oldest_is_forgotten(self) -> None:
        for number in range(5):
            self.end(make_record(str(number)))
        self.assertEqual(self.ids(), ["4", "3", "2"])
        self.assertEqual(self.ids(count=2), ["4", "3"])

    def test_running_ones_come_first(self) -> None:
        running = make_record("running")
        self.recent.began(running)
        self.end(make_record("ended"))
        self.assertEqual(self.ids(), ["running", "ended"])
        self.assertEqual(self.ids(outcome="running"), ["running"])
        self.recent.ended(running)
        self.assertEqual(self.ids(outcome="running"), [])
        self.assertEqual(self.ids(), ["running", "ended"])

    def test_conditions_are_combined(self) -> None:
        self.end(make_record("a", outcome="ok", model="m", principal="alice"))
        self.end(make_record("b", outcome="busy", model="m", principal="bob"))
        self.end(make_record("c", outcome="busy", model="n", principal="alice"))
        self.assertEqual(self.ids(outcome="failed"), ["c", "b"])
        self.assertEqual(self.ids(outcome="ok"), ["a"])
        self.assertEqual(self.ids(outcome="busy", principal="alice"), ["c"])
        self.assertEqual(self.ids(model="m"), ["b", "a"])

    def test_probes_and_administration_displace_nothing(self) -> None:
        self.end(make_record("a"))
        for route in ("/livez", "/metrics", "/admin/requests", "/v1", "/"):
            self.recent.began(make_record("running", route))
            self.end(make_record("b", route))
        self.end(make_record("unknown", "other"))
        self.assertEqual(self.ids(), ["unknown", "a"])

    def test_an_id_that_was_used_twice_finds_both_the_oldest_first(self) -> None:
        first, second = make_record("a", method="POST"), make_record("a", method="background")
        self.end(first)
        self.recent.began(second)
        self.assertEqual([one.record.method for one in self.recent.find("a")], ["POST", "background"])
        self.assertEqual(self.recent.find("b"), ())

    def test_another_limit_keeps_the_newest(self) -> None:
        for number in range(3):
            self.end(make_record(str(number)))
        self.recent.apply(1)
        self.assertEqual(self.ids(), ["2"])

    def test_a_limit_of_0_remembers_nothing(self) -> None:
        self.recent.apply(0)
        self.recent.began(make_record("running"))
        self.end(make_record("ended"))
        self.assertEqual(self.ids(), [])
