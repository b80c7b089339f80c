"""Hypothesis strategies for law 1: the same bytes, cut anywhere."""

from hypothesis import strategies as st


@st.composite
def _cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    borders = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *borders], [*borders, len(data)], strict=True)]


def chunkings(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """Ways to cut `data`: at drawn places (some chunks are empty), byte by byte, or not at all."""
    bytewise = [data[i : i + 1] for i in range(len(data))]
    return st.one_of(_cut(data), st.just(bytewise), st.just([data]))
