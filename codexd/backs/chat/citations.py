"""Builds annotations from the sources that some servers list beside the text (Perplexity, xAI)."""

import re
from collections.abc import Iterable
from typing import Final

from codexd.neutral.turn import JsonText
from codexd.wire import json

_MARK: Final = re.compile(r"\[([0-9]{1,6})\]")


def build_citations(sources: Iterable[tuple[str, str]], text: str, annotations: Iterable[JsonText]) -> list[JsonText]:
    """Return a `url_citation` for each source that has no annotation yet.

    A text refers to its sources by their numbers, such as `[1]`. The citation is at the first such mark, or at
    the end of the text if it has none.

    Args:
        sources: URLs and titles, in the order of their numbers.
        text: of the message.
        annotations: of the message.
    """
    cited = {json.decode(annotation).get("url") for annotation in annotations}
    places: dict[str, int] = {}
    for found in _MARK.finditer(text):
        places.setdefault(found[1], found.start())
    built = []
    for number, (url, title) in enumerate(sources, 1):
        if url in cited:
            continue
        cited.add(url)
        start = places.get(str(number))
        start, end = (len(text), len(text)) if start is None else (start, start + len(f"[{number}]"))
        citation = {"type": "url_citation", "url": url, "title": title, "start_index": start, "end_index": end}
        built.append(json.encode(citation).decode())
    return built
