"""Reads metrics as a scraper does."""

from codexd.observe.metrics import Metrics


def find_sample(exposition: bytes, name: str) -> float | None:
    """Return the value of the sample with this name and its labels, if there is one."""
    for line in exposition.decode().splitlines():
        sample, _, value = line.rpartition(" ")
        if sample == name:
            return float(value)
    return None


def metric(metrics: Metrics, name: str, **labels: str) -> float:
    """Return the value of a metric; 0 if it has no sample with these labels."""
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return find_sample(metrics.render(), f"{name}{{{inside}}}" if labels else name) or 0.0
