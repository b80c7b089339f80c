"""Adds up the usage in the responses that the scripted model sends, from the bytes that it writes."""

import re
from collections import Counter
from typing import Any, Final

from twisted.web.http import Request

KINDS: Final = ("input", "output", "cached", "reasoning")

_RESPONSES: Final = re.compile(
    rb'"usage":\{"input_tokens":(?P<input>\d+),"input_tokens_details":\{"cached_tokens":(?P<cached>\d+)[^}]*\},'
    rb'"output_tokens":(?P<output>\d+),"output_tokens_details":\{"reasoning_tokens":(?P<reasoning>\d+)\}'
)
_CHAT: Final = re.compile(
    rb'"usage":\{"prompt_tokens":(?P<input>\d+),"completion_tokens":(?P<output>\d+),"total_tokens":\d+,'
    rb'"prompt_tokens_details":\{"cached_tokens":(?P<cached>\d+)[^}]*\},'
    rb'"completion_tokens_details":\{"reasoning_tokens":(?P<reasoning>\d+)'
)


class SentUsage:
    """The sums of all usages that were written to clients.

    Attributes:
        tokens: the sums by kind, and the number of responses that had a usage.
    """

    def __init__(self) -> None:
        self.tokens: Counter[str] = Counter(dict.fromkeys((*KINDS, "responses"), 0))

    def watch(self, request: Request) -> None:
        """Add up what is written as the response of a request. Each event is in one write."""
        write = request.write

        def write_and_count(data: bytes) -> Any:
            self._count(data)
            return write(data)

        request.write = write_and_count  # type: ignore[method-assign]

    def _count(self, data: bytes) -> None:
        for pattern in (_RESPONSES, _CHAT):
            for found in pattern.finditer(data):
                self.tokens.update({kind: int(found[kind]) for kind in KINDS})
                self.tokens["responses"] += 1
