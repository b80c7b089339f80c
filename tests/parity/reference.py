"""What a request names of the answers before it: `{2.output.0.id}`, the id of the second one's first item.

The number is that of the exchange, the names and places after it lead into what was said there
(`reading.said`).
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from attrs import evolve

from tests.parity.client import Response
from tests.parity.reading import Unanswerable, said
from tests.parity.scenario import Ask

_REFERENCE: Final = re.compile(r"\{(?P<number>[0-9]+)\.(?P<path>[a-z0-9_.]+)\}")


def resolved(ask: Ask, answers: Sequence[Response]) -> Ask:
    """Put what the answers said in place of what names it, in the path and the body.

    Args:
        ask: the request, as its scenario has it.
        answers: all answers so far.

    Raises:
        Unanswerable: when an answer did not say what is named.
    """

    def find(named: re.Match[str]) -> str:
        number = int(named["number"])
        value = _value(answers[number - 1], named["path"].split(".")) if number <= len(answers) else None
        if not isinstance(value, str):
            raise Unanswerable(f"there is no {named[0]}")
        return value

    body = _REFERENCE.sub(find, ask.body.decode())
    return evolve(ask, path=_REFERENCE.sub(find, ask.path), body=body.encode())


def _value(answer: Response, path: Sequence[str]) -> Any:
    value: Any = said(answer)
    for step in path:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (LookupError, ValueError, TypeError):
            return None
    return value
