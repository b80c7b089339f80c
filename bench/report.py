"""Format and print the figures."""

from attrs import frozen


@frozen
class Figure:
    """One line of the report; `comparison` compares it with another figure of the same run."""

    name: str
    value: str
    target: str = ""
    comparison: str = ""


def request_figure(name: str, seconds: float, target: str = "", comparison: str = "") -> Figure:
    """Build the figure of the CPU time per request."""
    return Figure(name, f"{seconds * 1e3:.2f} ms", target, comparison)


def delta_figure(name: str, seconds: float, target: str = "", comparison: str = "") -> Figure:
    """Build the figure of the CPU time per streamed delta."""
    return Figure(name, f"{seconds * 1e6:.1f} us", target, comparison)


def hold_figure(name: str, seconds: float, target: str = "") -> Figure:
    """Build the figure of the longest time for which the reactor was held."""
    return Figure(name, f"{seconds * 1e3:.1f} ms", target)


def memory_figure(name: str, size_bytes: int, target: str = "") -> Figure:
    """Build the figure of an amount of memory."""
    return Figure(name, f"{size_bytes / 2**20:.1f} MB", target)


def format_ratio(ours: float, theirs: float, whose: str) -> str:
    """Format the ratio of our cost to another one."""
    return f"{ours / theirs:.2f} x {whose}"


def print_section(title: str, figures: list[Figure]) -> None:
    """Print a section."""
    print(f"\n{title}")
    for figure in figures:
        target = f"target {figure.target}" if figure.target else ""
        print(f"  {figure.name:46} {figure.value:>10}   {target:15}   {figure.comparison}".rstrip(), flush=True)
