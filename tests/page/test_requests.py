from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.context import RequestRecord
from codexd.neutral.event import Usage
from codexd.page.html import Layout, render
from codexd.page.request_view import view_request
from codexd.page.requests import PARTS, request_page, requests_section
from codexd.timeline import Timeline
from tests.page.test_html import EVIL, parse

LAYOUT = Layout(title="Request", current="")


def make_record(text: str = "small", **fields: object) -> RequestRecord:
    """Make the record of a request in which everything that a client can choose is this text."""
    clock = iter(range(100, 200))
    record = RequestRecord(
        id="req_1",
        method="POST",
        began=100.0,
        time=0.0,
        path=text,
        model=text,
        principal=text,
        note=text,
        backend="codex",
        worker="plain-0",
        status=200,
        queue_seconds=1.0,
        first_event_seconds=3.0,
        seconds=7.0,
        usages=[Usage(input_tokens=1200, output_tokens=34)],
        timeline=Timeline(lambda: float(next(clock))),
    )
    record.timeline.add("received", text, size=2048)
    queue = record.timeline.begin("queue")
    record.timeline.end(queue, "admitted")
    for name, value in fields.items():
        setattr(record, name, value)
    return record


class RequestViewTests(SynchronousTestCase):
    def test_the_parts_of_the_time_follow_each_other(self) -> None:
        view = view_request(make_record(), running=False, now=500.0)
        self.assertEqual([(part.began, part.seconds) for part in view.parts], [(0.0, 1.0), (1.0, 2.0), (3.0, 4.0)])
        self.assertEqual((view.at, view.seconds, view.input_tokens, view.output_tokens), (7.0, 7.0, 1200, 34))

    def test_the_steps_are_those_of_the_timeline(self) -> None:
        received, queue = view_request(make_record(), running=False, now=500.0).steps
        self.assertEqual((received.began, received.seconds, received.detail), (0.0, 0.0, "2,048 bytes"))
        self.assertEqual((queue.began, queue.seconds, queue.status, queue.kind), (1.0, 1.0, "admitted", "wait"))

    def test_a_running_request_lasts_until_now(self) -> None:
        record = make_record(first_event_seconds=None, queue_seconds=0.0)
        record.timeline.begin("upstream", "one")
        view = view_request(record, running=True, now=110.0)
        self.assertEqual((view.seconds, view.steps[-1].seconds, view.is_failure), (10.0, 7.0, False))
        self.assertEqual([part.name for part in view.parts], ["without an event"])

    def test_what_the_client_ended_itself_is_no_failure(self) -> None:
        for status, outcome, expected in (
            (200, "ok", False),
            (200, "client_disconnected", False),
            (200, "stream_cut", True),
            (503, "not_ready", True),
            (400, "wrong_value", True),
            (429, "key_budget_exhausted", True),
            (200, "cancelled", False),
            (499, "client_disconnected", False),
        ):
            view = view_request(make_record(status=status, outcome=outcome), running=False, now=0.0)
            self.assertEqual(view.is_failure, expected, outcome)


class RequestPageTests(SynchronousTestCase):
    @given(EVIL)
    def test_nothing_that_a_client_made_up_breaks_out(self, text: str) -> None:
        def build(content: str) -> list[str]:
            view = view_request(make_record(content), running=False, now=500.0)
            shown = render(requests_section([view])), request_page(LAYOUT, view)
            return [name for page in shown for name in parse(page).elements]

        self.assertEqual(build(text or "x"), build("harmless"))

    def test_the_table_and_the_page_show_the_request(self) -> None:
        view = view_request(make_record(outcome="stream_cut"), running=False, now=500.0)
        row = render(requests_section([view]))
        for text in (b'href="/status/requests/req_1"', b"200 stream_cut", b'class="bad"', b"1,200 + 34", b"00:00:07"):
            self.assertIn(text, row)
        self.assertIn(b"until the first event 2.0 s", row)
        page = request_page(LAYOUT, view)
        for text in (b"codex plain-0", b"queue", b"admitted", b"2,048 bytes", b"1,200 in, 34 out"):
            self.assertIn(text, page)

    def test_a_running_request_has_no_outcome_yet(self) -> None:
        view = view_request(make_record(status=499), running=True, now=110.0)
        row = render(requests_section([view]))
        self.assertIn(b"<td>running</td>", row)
        for shown in (row, request_page(LAYOUT, view)):
            self.assertNotIn(b"499", shown)

    def test_the_colours_of_the_parts_are_explained(self) -> None:
        shown = render(requests_section([view_request(make_record(), running=False, now=500.0)]))
        for kind, name in PARTS.items():
            self.assertIn(f'<span class="sample {kind}">{name}</span>'.encode(), shown)

    def test_a_long_name_of_a_model_is_shortened_in_the_table_only(self) -> None:
        view = view_request(make_record(model="m" * 200), running=False, now=500.0)
        self.assertIn(f"<td>{'m' * 59}…</td>".encode(), render(requests_section([view])))
        self.assertIn(b"m" * 200, request_page(LAYOUT, view))

    def test_without_requests_there_is_a_sentence(self) -> None:
        self.assertIn(b"No request yet.", render(requests_section([])))

    @given(st.floats(0, 1e6), st.floats(0, 1e6))
    def test_any_times_can_be_drawn(self, seconds: float, first: float) -> None:
        view = view_request(make_record(seconds=seconds, first_event_seconds=first), running=False, now=500.0)
        self.assertNotIn(b"nan", render(requests_section([view])))
