"""Samples of a daemon's resources over time, and their slopes."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from tests.support.live_daemon import Daemon
from tests.support.metric_samples import find_sample
from tests.support.processes import resident_bytes

GAUGES: Final = (
    "requests_running",
    "background_running",
    "turns_running",
    "turns_suspended",
    "threads_idle",
    "children_up",
    "children_resident_bytes",
    "image_cache_bytes",
)
MUST_RETURN_TO_ZERO: Final = ("requests_running", "background_running", "turns_running")


@frozen
class Sample:
    """The state of the daemon at one moment.

    Attributes:
        seconds: since the begin of the soak.
        values: by name: `resident_bytes`, `descriptors`, and the GAUGES.
    """

    seconds: float
    values: dict[str, float]


def take_sample(daemon: Daemon, key: str, seconds: float) -> Sample:
    """Read the daemon's resources and gauges, with an API key."""
    exposition = daemon.get("/metrics", {"x-api-key": key}).body
    values = {name: find_sample(exposition, f"codexd_{name}") or 0.0 for name in GAUGES}
    values["resident_bytes"] = float(resident_bytes(daemon.pid))
    values["descriptors"] = float(len(os.listdir(Path(f"/proc/{daemon.pid}/fd"))))
    return Sample(seconds, values)


def slope_per_minute(samples: Sequence[Sample], name: str) -> float:
    """Return the slope of the least-squares line through a value of the second half of the samples, per minute."""
    points = [(sample.seconds, sample.values[name]) for sample in samples[len(samples) // 2 :]]
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
