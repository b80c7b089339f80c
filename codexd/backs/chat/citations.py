"""Builds annotations from the sources that some servers list beside the text (Perplexity, xAI)."""

from collections.abc import Iterable

from codexd.neutral.turn import JsonText
from codexd.wire import json


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
    built = []
    for number, (url, title) in enumerate(sources, 1):
        if url in cited:
            continue
        cited.add(url)
        mark = f"[{number}]"
        start = text.find(mark)
        start, end = (len(text), len(text)) if start < 0 else (start, start + len(mark))
        citation = {"type": "url_citation", "url": url, "title": title, "start_index": start, "end_index": end}
        built.append(json.encode(citation).decode())
    return built
