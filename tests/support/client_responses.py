"""Reads the bodies that a client receives and checks them against `ReferenceState`."""

from codexd.wire.json import Json
from tests.support.in_memory_server import Response
from tests.support.reference_state import ReferenceItem, ReferenceResponse, RoleAndText, contents
from tests.support.responses_stream import TERMINAL


def final_response(response: Response) -> Json:
    """Return the response object of a JSON body, or of the last event of a stream."""
    assert response.status == 200, response.body
    if "json" in response.headers["content-type"]:
        return response.json
    last = response.events[-1]
    assert last["type"] in TERMINAL
    return last["response"]


def assert_refused(response: Response) -> None:
    """Check that the request was refused because what it continues does not exist or cannot be continued."""
    assert response.status in (400, 404), response.body
    assert response.error["type"] == "invalid_request_error"


def items(body: Json) -> list[ReferenceItem]:
    """Return the messages of a response's output."""
    return [ReferenceItem(("assistant", item["content"][0]["text"]), item["id"]) for item in body["output"]]


def text(body: Json) -> str:
    """Return the text of a response's output."""
    return "".join(text for _, text in contents(items(body)))


def page(listed: Json) -> list[RoleAndText]:
    """Return the roles and texts of a page of items, which must be the only one."""
    assert not listed["has_more"]
    return [(item["role"], item["content"][0]["text"]) for item in listed["data"]]


def assert_matches(expected: ReferenceResponse, body: Json) -> None:
    """Check a response body against the reference."""
    if expected.thread is None:
        assert (body["status"], contents(items(body))) == (expected.status, contents(expected.output))
    else:
        assert body["status"] in ("queued", "in_progress")
        assert expected.full_text.startswith(text(body))
