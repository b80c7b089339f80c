"""Hypothesis strategies for law 1 (chunking): the same bytes or text, split anywhere."""

from typing import AnyStr

from hypothesis import strategies as st


@st.composite
def _cut(draw: st.DrawFn, data: AnyStr) -> list[AnyStr]:
    borders = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[a:b] for a, b in zip([0, *borders], [*borders, len(data)], strict=True)]


def chunkings(data: AnyStr) -> st.SearchStrategy[list[AnyStr]]:
    """Draw chunks of `data`: split at drawn positions (some chunks are empty), one by one, or not at all."""
    singly = [data[i : i + 1] for i in range(len(data))]
    return st.one_of(_cut(data), st.just(singly), st.just([data]))
