"""What a client makes of what it is shown of responses and conversations."""

from codexd.wire.json import Json
from tests.support.memory import Answer, Item, Said, said
from tests.support.responses_stream import TERMINAL
from tests.support.web import Response


def told(response: Response) -> Json:
    """Give the response that a client was told of, in one piece or at the end of a stream."""
    assert response.status == 200, response.body
    if "json" in response.headers["content-type"]:
        return response.json
    last = response.events[-1]
    assert last["type"] in TERMINAL
    return last["response"]


def is_refused(response: Response) -> None:
    """Hold it to being a refusal of something that is not there, or cannot be gone on from."""
    assert response.status in (400, 404), response.body
    assert response.error["type"] == "invalid_request_error"


def items(shown: Json) -> list[Item]:
    """Give the messages of a response."""
    return [Item(("assistant", item["content"][0]["text"]), item["id"]) for item in shown["output"]]


def text(shown: Json) -> str:
    """Give the text of a response."""
    return "".join(text for _, text in said(items(shown)))


def page(listed: Json) -> list[Said]:
    """Give what the items of a list say; it must be all of it."""
    assert not listed["has_more"]
    return [(item["role"], item["content"][0]["text"]) for item in listed["data"]]


def stands(answer: Answer, shown: Json) -> None:
    """Hold what is shown of an answer to how that stands."""
    if answer.thread is None:
        assert (shown["status"], said(items(shown))) == (answer.status, said(answer.told))
    else:
        assert shown["status"] in ("queued", "in_progress")
        assert answer.whole.startswith(text(shown))
