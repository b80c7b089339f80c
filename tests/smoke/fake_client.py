"""A client of the smoke checks whose responses are a table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import field, frozen

from codexd.smoke.client import SmokeClient, SmokeResponse
from codexd.wire import json
from codexd.wire.sse import SseFrame


@frozen(kw_only=True)
class FakeClient(SmokeClient):
    """Answers `METHOD PATH` with a status and a body, else with 404; a stream with its events.

    Attributes:
        answers: by `METHOD PATH`: a status with a body, or the data of events.
        sent: every `METHOD PATH`, in order.
    """

    url: str = "http://127.0.0.1:1"
    answers: Mapping[str, Any] = field(factory=dict)
    sent: list[str] = field(factory=list)

    def send(
        self, method: str, path: str, body: json.Json | None = None, headers: Mapping[str, str] | None = None
    ) -> SmokeResponse:
        self.sent.append(f"{method} {path}")
        status, answer = self.answers.get(f"{method} {path}", (404, {"error": {"message": "not there"}}))
        return SmokeResponse(status, {"x-request-id": "req_1"}, json.encode(answer))

    @contextmanager
    def stream(self, path: str, body: json.Json) -> Iterator[Iterator[SseFrame]]:
        self.sent.append(f"POST {path}")
        yield iter([SseFrame(None, data) for data in self.answers[f"POST {path}"]])
