"""Measure responses that are stored and responses that are not, compared with chat answers."""

from bench.load import RESPONSES
from bench.meter import Meter
from bench.report import Figure, delta_figure, format_ratio, request_figure


def measure_responses(meter: Meter, turns: int, long_text: str, chat: tuple[float, float], delta: str) -> list[Figure]:
    """Measure a server of one process.

    Args:
        meter: the server.
        turns: the number of short requests.
        long_text: a text that is answered with many deltas.
        chat: the CPU seconds of a short chat request, and of a delta of a chat answer.
        delta: what the report calls a delta.
    """
    chat_request, chat_delta = chat
    (unstored,) = meter.measure_requests(RESPONSES, turns, store=False)
    (stored,) = meter.measure_requests(RESPONSES, turns)
    (stored_delta,) = meter.measure_deltas(RESPONSES, long_text, 20)
    return [
        request_figure(
            "CPU of a short response, not stored",
            unstored,
            "",
            format_ratio(unstored, chat_request, "a chat request"),
        ),
        request_figure("CPU of a short response, stored", stored, "", format_ratio(stored, unstored, "one not stored")),
        delta_figure(
            f"CPU of a {delta} of a stored response",
            stored_delta,
            "",
            format_ratio(stored_delta, chat_delta, f"a chat {delta}"),
        ),
    ]
