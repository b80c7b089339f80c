import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.page.html import render
from codexd.page.plots import Plot, draw_plot, nice_ceiling
from codexd.policy.request_history import RequestHistory

PLOT = Plot(id="whole", title="Time", select=lambda minute: minute.duration)
NOW = 6000.0


def draw(*ended: tuple[float, float]) -> str:
    """Draw requests that ended some minutes ago and took some seconds."""
    history = RequestHistory()
    for minutes_ago, seconds in ended:
        history.add(NOW - 60 * minutes_ago, seconds=seconds, first_event_seconds=None, is_failure=False)
    return render(draw_plot(PLOT, history.minutes(NOW), NOW)).decode()


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

    @given(st.lists(st.tuples(st.integers(0, 90), st.floats(0, 1e6)), max_size=20))
    def test_everything_is_inside_of_the_picture(self, ended: list[tuple[int, float]]) -> None:
        drawn = draw(*sorted(ended, reverse=True))
        for x, y in re.findall(r"[ML]([\d.]+) (-?[\d.]+)", drawn):
            self.assertTrue(0 <= float(x) <= 600 and 0 <= float(y) <= 160, (x, y))

    @given(st.floats(1e-9, 1e9))
    def test_the_end_of_an_axis_is_a_round_number_close_above_the_value(self, value: float) -> None:
        self.assertTrue(value <= nice_ceiling(value) <= max(2.5001 * value, 1e-3))
