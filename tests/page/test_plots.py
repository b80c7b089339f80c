import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.page.html import render
from codexd.page.plots import Plot, choose_span, draw_plot, nice_ceiling
from codexd.policy.request_history import MINUTES, Minute, RequestHistory

PLOT = Plot(id="whole", title="Time", select=lambda minute: minute.duration)
NOW = 6000.0


def draw(*ended: tuple[float, float]) -> str:
    """Draw requests that ended some minutes ago and took some seconds."""
    history = RequestHistory()
    for minutes_ago, seconds in ended:
        history.add(NOW - 60 * minutes_ago, seconds=seconds, first_event_seconds=None)
    return render(draw_plot(PLOT, history.minutes(NOW), NOW)).decode()


def draw_from(oldest: int) -> str:
    """Draw a request that ended this many minutes ago."""
    return render(draw_plot(PLOT, [Minute(number=int(NOW // 60) - oldest)], NOW)).decode()


class PlotTests(SynchronousTestCase):
    def test_neighbouring_minutes_are_joined_and_gaps_are_not(self) -> None:
        paths = re.findall(r' d="([^"]*)"', draw((9, 1.0), (8, 2.0), (3, 1.0)))
        self.assertEqual([re.sub(r"[\d. ]", "", path) for path in paths], ["MhLMh", "MhLMh"])

    def test_the_words_say_what_the_picture_shows(self) -> None:
        self.assertIn(
            "3 requests in the last three hours: median 1.0 s, 95 % took at most 2.0 s.",
            draw((9, 1.0), (8, 1.0), (3, 2.0)),
        )
        self.assertIn("1 request in the last three hours", draw((1, 1.0)))
        self.assertIn("No requests in the last three hours.", draw())

    def test_requests_that_reached_no_model_are_counted_apart(self) -> None:
        history = RequestHistory()
        for seconds, is_refused in ((0.001, True), (2.0, False), (0.001, True)):
            history.add(NOW, seconds=seconds, first_event_seconds=None, is_refused=is_refused)
        drawn = render(draw_plot(PLOT, history.minutes(NOW), NOW)).decode()
        self.assertIn("1 request in the last three hours: median 2", drawn)
        self.assertIn("2 requests reached no model and are left out.", drawn)
        refused = RequestHistory()
        refused.add(NOW, seconds=0.0, first_event_seconds=None, is_refused=True)
        drawn = render(draw_plot(PLOT, refused.minutes(NOW), NOW)).decode()
        self.assertIn("No answers in the last three hours. 1 request reached no model and is left out.", drawn)

    def test_a_fresh_daemon_fills_the_picture(self) -> None:
        for oldest, labels in (
            (0, "15 min ago"),
            (20, "20 min ago"),
            (50, "1 h ago"),
            (100, "2 h ago"),
            (179, "3 h ago"),
        ):
            self.assertIn(f">{labels}<", draw_from(oldest), oldest)
        self.assertEqual(re.findall(r">(\d+ min ago)<", draw_from(0)), ["5 min ago", "10 min ago", "15 min ago"])

    @given(st.integers(0, MINUTES))
    def test_every_minute_is_within_the_span(self, oldest: int) -> None:
        span = choose_span([Minute(number=200), Minute(number=200 - oldest)], 60.0 * 200)
        self.assertTrue(max(oldest, 15) <= span <= min(max(oldest, 15) + 60, MINUTES))

    @given(st.lists(st.tuples(st.integers(0, 90), st.floats(0, 1e6)), max_size=20))
    def test_everything_is_inside_of_the_picture(self, ended: list[tuple[int, float]]) -> None:
        drawn = draw(*sorted(ended, reverse=True))
        for x, y in re.findall(r"[ML]([\d.]+) (-?[\d.]+)", drawn):
            self.assertTrue(0 <= float(x) <= 600 and 0 <= float(y) <= 160, (x, y))

    @given(st.floats(1e-9, 1e9))
    def test_the_end_of_an_axis_is_a_round_number_close_above_the_value(self, value: float) -> None:
        self.assertTrue(value <= nice_ceiling(value) <= max(2.5001 * value, 1e-3))
