"""References to earlier responses: `{2.output.0.id}` is the id of the second response's first output item.

The number is that of the request; the names and indexes after it lead into the object that its response shows
(`response_content.parse_object`).
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from attrs import evolve

from tests.parity.client import HttpResponse
from tests.parity.response_content import UnusableResponseError, parse_object
from tests.parity.scenario import ScenarioRequest

_REFERENCE: Final = re.compile(r"\{(?P<number>[0-9]+)\.(?P<path>[a-z0-9_.]+)\}")


def resolve_references(request: ScenarioRequest, responses: Sequence[HttpResponse]) -> ScenarioRequest:
    """Replace the references in a request's path and body by the values they refer to.

    Args:
        request: the request, as its scenario has it.
        responses: all responses so far.

    Raises:
        UnusableResponseError: when a response does not have the value, or it is not a string.
    """

    def find(reference: re.Match[str]) -> str:
        number = int(reference["number"])
        path = reference["path"].split(".")
        value = _find_value(responses[number - 1], path) if number <= len(responses) else None
        if not isinstance(value, str):
            raise UnusableResponseError(f"there is no {reference[0]}")
        return value

    body = _REFERENCE.sub(find, request.body.decode())
    return evolve(request, path=_REFERENCE.sub(find, request.path), body=body.encode())


def _find_value(response: HttpResponse, path: Sequence[str]) -> Any:
    value: Any = parse_object(response)
    for step in path:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (LookupError, ValueError, TypeError):
            return None
    return value
