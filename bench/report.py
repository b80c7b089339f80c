"""What is shown of a measurement."""

from attrs import frozen


@frozen
class Figure:
    """One line of the report; `against` is what the same run shows of something named."""

    name: str
    value: str
    target: str = ""
    against: str = ""


def request(name: str, seconds: float, target: str = "", against: str = "") -> Figure:
    """Show the CPU time of a request."""
    return Figure(name, f"{seconds * 1e3:.2f} ms", target, against)


def piece(name: str, seconds: float, target: str = "", against: str = "") -> Figure:
    """Show the CPU time of a piece of a stream."""
    return Figure(name, f"{seconds * 1e6:.1f} us", target, against)


def memory(name: str, size_bytes: int, target: str = "") -> Figure:
    """Show memory."""
    return Figure(name, f"{size_bytes / 2**20:.1f} MB", target)


def times(ours: float, theirs: float, whose: str) -> str:
    """Say how many times somebody else's cost ours is."""
    return f"{ours / theirs:.2f} x {whose}"


def show(title: str, figures: list[Figure]) -> None:
    """Print a section."""
    print(f"\n{title}")
    for figure in figures:
        target = f"target {figure.target}" if figure.target else ""
        print(f"  {figure.name:46} {figure.value:>10}   {target:15}   {figure.against}".rstrip(), flush=True)
