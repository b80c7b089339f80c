"""The Responses API as the real `openai` package sees it: its types, its stream helper, its client."""

from collections.abc import Iterator
from typing import Any

import httpx2
from hypothesis import given, settings
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from twisted.trial.unittest import SynchronousTestCase

from codexd.fronts.responses import objects
from codexd.neutral import event as e
from codexd.neutral.fault import fault
from codexd.neutral.reply import fold
from codexd.wire.json import Json, decode
from tests.support import responses_stream
from tests.support.framing import build_folding_encoder, framed
from tests.support.identities import RESPONSES_IDENTITY
from tests.support.responses_requests import decode_request
from tests.support.sentences import Sentence, broken_sentences, sentences

EXCHANGE = decode_request(include=["reasoning.encrypted_content"], tools=[{"type": "function", "name": "f"}])
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)

# What Codex gives a meaning to and the package's list of codes does not have.
BEYOND_THE_PACKAGE = ("context_length_exceeded", "insufficient_quota")


def stream_of(sentence: Sentence) -> bytes:
    """Return the stream of a sentence, with a keep-alive after its beginning."""
    encoder = build_folding_encoder(EXCHANGE, RESPONSES_IDENTITY)
    first = encoder.feed(sentence[0])
    keepalive = encoder.keep_alive() if isinstance(sentence[0], e.Began) else None
    calm = [] if keepalive is None else [keepalive]
    return framed([*first, *calm, *(one for event in sentence[1:] for one in encoder.feed(event))])


def client(body: bytes, kind: str = "text/event-stream") -> OpenAI:
    """Build the package's client, which gets this body for every request."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": kind}, content=body)

    return OpenAI(
        api_key="none",
        base_url="http://127.0.0.1/v1",
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def bare(dumped: Json) -> Json:
    """Remove the members that the package adds."""
    if isinstance(dumped, list):
        return [bare(one) for one in dumped]
    if isinstance(dumped, dict):
        own = ("parsed", "parsed_arguments")
        return {name: bare(value) for name, value in dumped.items() if name not in own}
    return dumped


class PackageTests(SynchronousTestCase):
    """The package accepts every response, strictly, and accumulates it to the same one."""

    @settings(deadline=None)
    @given(sentences() | broken_sentences())
    def test_every_event_is_valid_by_its_types(self, sentence: Sentence) -> None:
        for event in responses_stream.read(stream_of(sentence)):
            if event["type"] == "keepalive":
                continue
            error = event.get("response", {}).get("error")
            if error and error["code"] in BEYOND_THE_PACKAGE:
                error["code"] = "server_error"
            valid = EVENTS.validate_python(event, strict=True)
            self.assertEqual(valid.type, event["type"])

    @settings(deadline=None)
    @given(sentences())
    def test_a_whole_response_is_valid_by_its_types(self, sentence: Sentence) -> None:
        whole = decode(EXCHANGE.render((fold(sentence),), RESPONSES_IDENTITY))
        self.assertEqual(bare(Response.model_validate(whole, strict=True).to_dict()), whole)

    @settings(deadline=None)
    @given(sentences())
    def test_its_stream_helper_ends_with_the_complete_response(self, sentence: Sentence) -> None:
        with client(stream_of(sentence)).responses.stream(model="m", input="hi") as stream:
            events = list(stream)
        whole = decode(EXCHANGE.render((fold(sentence),), RESPONSES_IDENTITY))
        last: Any = events[-1]
        self.assertEqual(last.type, "response." + whole["status"])
        self.assertEqual(bare(last.response.to_dict()), whole)

    @settings(deadline=None)
    @given(broken_sentences())
    def test_its_stream_helper_shows_a_failure(self, sentence: Sentence) -> None:
        with client(stream_of(sentence)).responses.stream(model="m", input="hi") as stream:
            last: Any = list(stream)[-1]
        failed = sentence[-1]
        assert isinstance(failed, e.Failed)
        if failed.fault.kind == "cancelled":
            self.assertEqual((last.type, last.response.status), ("response.incomplete", "cancelled"))
            self.assertIsNone(last.response.error)
        else:
            self.assertEqual((last.type, last.response.status), ("response.failed", "failed"))
            self.assertEqual(last.response.error.to_dict(), objects.build_error(failed.fault))


class ClientTests(SynchronousTestCase):
    """A user's code, as written in the package's manual."""

    sentence: Sentence = (
        e.Began(),
        e.MessageOpened(0, "msg_1"),
        e.TextDelta(0, "Hel"),
        e.TextDelta(0, "lo"),
        e.MessageClosed(0),
        e.UsageReported(e.Usage(input_tokens=7, cached_tokens=1, cache_write_tokens=0, output_tokens=2)),
        e.Ended("stop"),
    )

    def deltas(self, sentence: Sentence) -> Iterator[str]:
        """Stream without the helper."""
        for event in client(stream_of(sentence)).responses.create(model="m", input="hi", stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    def test_a_plain_stream(self) -> None:
        self.assertEqual(list(self.deltas(self.sentence)), ["Hel", "lo"])

    def test_a_complete_response(self) -> None:
        body = EXCHANGE.render((fold(self.sentence),), RESPONSES_IDENTITY)
        response = client(body, "application/json").responses.create(model="m", input="hi")
        self.assertEqual((response.output_text, response.status), ("Hello", "completed"))
        assert response.usage is not None
        self.assertEqual((response.usage.total_tokens, response.usage.input_tokens_details.cached_tokens), (9, 1))

    def test_a_failure_in_the_middle_is_an_event_and_not_a_normal_end(self) -> None:
        broken = (*self.sentence[:3], e.Failed(fault("child_died")))
        with client(stream_of(broken)).responses.stream(model="m", input="hi") as stream:
            self.assertEqual([event.type for event in stream][-1], "response.failed")
            self.assertRaises(RuntimeError, stream.get_final_response)
