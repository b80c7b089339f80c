"""Law 4 (meeting) for what only one back end can send: it renders like the same neutral events."""

from collections.abc import Iterable, Iterator

from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral import event as e
from codexd.neutral.turn import Sampling
from codexd.wire import json
from codexd.wire.jsonrpc import RpcNotification
from tests.support import thread_harness
from tests.support.chat_chunks import DONE, TURN, Chunk, chunk, frames, translate
from tests.support.endpoints import ENDPOINTS
from tests.support.sentences import texts, tokens
from tests.support.shared_answers import PIECES
from tests.support.thread_harness import ThreadHarness

PHASES = st.sampled_from((None, "commentary", "final_answer"))
WITH_LOGPROBS = Sampling(logprobs=True)


@frozen
class Item:
    """A message with a phase, a reasoning item with summary and encrypted content, or a search."""

    kind: str
    pieces: tuple[str, ...]
    phase: str | None = None


ITEMS = st.lists(st.builds(Item, st.sampled_from(("message", "thought", "search")), PIECES, PHASES), max_size=4)


def notifications(items: list[Item]) -> Iterator[RpcNotification]:
    """Yield an answer as the app-server's notifications."""
    for index, item in enumerate(items):
        id, pieces = f"id_{index}", item.pieces
        if item.kind == "message":
            yield thread_harness.started("agentMessage", id, text="", phase=item.phase)
            yield from (thread_harness.delta(id, piece) for piece in pieces)
            yield thread_harness.message_completed(id, "".join(pieces), item.phase)
            yield thread_harness.raw_message(id, "".join(pieces))
        elif item.kind == "search":
            yield thread_harness.started("webSearch", id)
            yield thread_harness.search_completed(id, type="search", query=pieces[0])
        else:
            yield thread_harness.started("reasoning", id)
            yield from (thread_harness.summary_delta(id, part, piece) for part, piece in enumerate(pieces))
            yield thread_harness.raw_reasoning(id, *pieces, sealed="sealed")
    yield thread_harness.response_completed()
    yield thread_harness.turn_completed()


def neutral_events(items: list[Item]) -> Iterator[e.Event]:
    """Yield the same answer as neutral events."""
    yield e.Began()
    for index, item in enumerate(items):
        id, pieces = f"id_{index}", item.pieces
        if item.kind == "message":
            yield e.MessageOpened(index, id, item.phase)
            yield from (e.TextDelta(index, piece) for piece in pieces)
            yield e.MessageClosed(index)
        elif item.kind == "search":
            yield e.SearchOpened(index, id)
            yield e.SearchClosed(index, json.encode({"type": "search", "query": pieces[0]}).decode())
        else:
            yield e.ReasoningOpened(index, id)
            yield from (e.SummaryDelta(index, part, piece) for part, piece in enumerate(pieces))
            yield e.ReasoningClosed(index, "sealed")
    yield e.UsageReported(e.Usage(input_tokens=10, cached_tokens=3, output_tokens=5, reasoning_tokens=1))
    yield e.Ended("stop")


def weighted_chunk(text: str, tokens: str | None) -> Chunk:
    """Build a chunk of text with its log probabilities."""
    one = chunk({"content": text})
    if tokens is not None:
        one["choices"][0]["logprobs"] = {"content": json.decode(tokens)}
    return one


class BackendSpecificEventTests(SynchronousTestCase):
    def assert_same(self, theirs: Iterable[e.Event], ours: Iterable[e.Event]) -> None:
        theirs, ours = list(theirs), list(ours)
        for endpoint in ENDPOINTS:
            self.assertEqual(endpoint.stream(theirs), endpoint.stream(ours), endpoint.name)
            self.assertEqual(endpoint.body_of(theirs), endpoint.body_of(ours), endpoint.name)

    @given(ITEMS)
    def test_summaries_encrypted_reasoning_searches_and_phases_of_an_app_server(self, items: list[Item]) -> None:
        self.assert_same(ThreadHarness.running().receive(*notifications(items)).events, neutral_events(items))

    @given(st.lists(st.tuples(texts(1), st.none() | tokens()), min_size=1, max_size=4), st.none() | PIECES)
    def test_log_probabilities_and_refusals_of_a_chat_server(
        self, said: list[tuple[str, str | None]], refused: tuple[str, ...] | None
    ) -> None:
        chunks = [weighted_chunk(*piece) for piece in said]
        chunks += [chunk({"refusal": piece}) for piece in refused or ()]
        usage = {"prompt_tokens": 1, "completion_tokens": 2}
        ended = frames(*chunks, chunk({}, "stop"), {"choices": [], "usage": usage}) + DONE
        ours = [
            e.Began(),
            e.MessageOpened(0, "msg_0a0b0000"),
            *(e.TextDelta(0, *piece) for piece in said),
            *(e.RefusalDelta(0, piece) for piece in refused or ()),
            e.MessageClosed(0),
            e.UsageReported(e.Usage(input_tokens=1, cached_tokens=0, cache_write_tokens=0, output_tokens=2)),
            e.Ended("stop"),
        ]
        self.assert_same(translate(ended, turn=evolve(TURN, sampling=WITH_LOGPROBS)), ours)
