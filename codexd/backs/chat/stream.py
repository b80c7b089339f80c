"""One answer of a Chat Completions server: its bytes in, neutral events out.

A server that streams sends server-sent events; one that does not, a JSON object: the first byte tells which.
The end is `[DONE]`, or the end of the bytes once a finish reason was seen; any other end is a failure.
"""

from collections.abc import Callable
from typing import Any, Final

from codexd.backs import estimate
from codexd.backs.chat import pieces as p
from codexd.backs.chat.calls import Calls
from codexd.backs.chat.dialect import Dialect
from codexd.backs.chat.failures import MALFORMED, TOO_LARGE
from codexd.backs.chat.names import Names
from codexd.backs.chat.request import Asked, write
from codexd.backs.chat.speech import Speech
from codexd.neutral.event import Event, Finish, Usage
from codexd.neutral.fault import Fault, fault
from codexd.neutral.turn import Turn
from codexd.wire import json, sse

_FINISHES: Final[dict[str, Finish]] = {"length": "length", "content_filter": "content_filter"}
"""The reasons for which an answer is cut; every other one is its natural end."""

_DONE: Final = b"[DONE]"


class Translator:
    """One answer, from its request to its end. Nothing is said after the end.

    Args:
        turn: what is asked, under the server's own name for its model.
        dialect: what the server can take.
        token: of this answer: what the ids are made of that the server does not give.
        limit_bytes: of one event, or of a whole answer that is not streamed.

    Attributes:
        heard: how many events of the stream came; keep-alives are none.
        finished: the answer is whole, though its end may not have been said yet.
    """

    def __init__(self, turn: Turn, dialect: Dialect, token: str, limit_bytes: int = sse.LIMIT_BYTES) -> None:
        self.heard = 0
        self.finished = False
        self._turn = turn
        self._dialect = dialect
        self._token = token
        self._names = Names(turn.tools)
        self._speech = Speech(token)
        self._calls = Calls(self._speech, self._names, token)
        self._reader = sse.Reader(limit_bytes)
        self._limit_bytes = limit_bytes
        self._streamed: bool | None = None
        self._document = bytearray()
        self._reason = "stop"
        self._usage: Usage | None = None
        self._said: dict[type, list[str]] = {p.Text: [], p.Thought: [], p.Refusal: []}

    @property
    def over(self) -> bool:
        """Whether the end was said, or nobody listens."""
        return self._speech.over

    @property
    def began(self) -> bool:
        """Whether anything was said."""
        return self._speech.began

    def open(self) -> Asked:
        """Give the request.

        Raises:
            Refused: when the model cannot be shown or asked this.
        """
        return write(self._turn, self._names, self._dialect)

    def again(self) -> "Translator":
        """Give one for the same request, of which nothing has been heard."""
        return Translator(self._turn, self._dialect, self._token, self._limit_bytes)

    def receive(self, data: bytes) -> list[Event]:
        """Take the next bytes of the response."""
        if self._streamed is None:
            data = data if self._document else data.lstrip()
            if not data:
                return []
            self._streamed = not data.startswith(b"{")
        if not self._streamed:
            return self._grow(data)
        events: list[Event] = []
        for frame in self._reader.receive(data):
            events += self._frame(frame)
        if self._reader.dropped:
            events += self._speech.fail(TOO_LARGE)
        return events

    def close(self, why: Fault | None = None) -> list[Event]:
        """The response is over: by itself, or for a reason."""
        if self.over:
            return []
        events = self._last(why)
        if self.over:
            return events
        return events + (self._end() if self.finished else self._speech.fail(why or fault("stream_cut")))

    def abort(self) -> None:
        """Nobody wants the rest: say nothing more."""
        self._speech.hush()

    def _grow(self, data: bytes) -> list[Event]:
        self._document += data
        return self._speech.fail(TOO_LARGE) if len(self._document) > self._limit_bytes else []

    def _last(self, why: Fault | None) -> list[Event]:
        """Say what the end of the bytes completes: a whole answer, or an event that no blank line ended."""
        if self._streamed is False:
            if not json.is_valid(bytes(self._document)):
                return self._speech.fail(why or MALFORMED)
            events = self._chunk(bytes(self._document))
            self.finished = self.finished or bool(self._said[p.Text] or self._calls)
            return events
        frames = self._reader.receive(b"\n\n") if why is None else []
        whole = (frame for frame in frames if frame.data == _DONE or json.is_valid(frame.data))
        return [event for frame in whole for event in self._frame(frame)]

    def _frame(self, frame: sse.Frame) -> list[Event]:
        data = frame.data.strip()
        if self.over or not data:
            return []
        self.heard += 1
        if data == _DONE:
            # Without a single chunk before it, it is the end of nothing.
            whole = self.finished or self.began or self._calls
            return self._end() if whole else self._speech.fail(MALFORMED)
        if frame.event == b"error" and not json.is_valid(data):
            return self._speech.fail(fault("model_failed"))
        return self._chunk(data)

    def _chunk(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for piece in p.read(data):
            events += _TAKES[type(piece)](self, piece)
        return events

    def _text(self, piece: p.Text) -> list[Event]:
        logprobs = piece.logprobs if self._turn.sampling.logprobs else None
        return self._speech.text(self._fresh(piece), logprobs)

    def _thought(self, piece: p.Thought) -> list[Event]:
        return self._speech.thought(self._fresh(piece))

    def _refusal(self, piece: p.Refusal) -> list[Event]:
        return self._speech.refusal(self._fresh(piece))

    def _fresh(self, piece: p.Text | p.Thought | p.Refusal) -> str:
        """Give what of a piece was not said: a whole message at the end repeats it all."""
        said, text = self._said[type(piece)], piece.text
        if piece.whole and said:
            before = "".join(said)
            text = text[len(before) :] if text.startswith(before) else ""
        said.append(text)
        return text

    def _noted(self, piece: p.Noted) -> list[Event]:
        return self._speech.note(piece.annotation)

    def _call(self, piece: p.CallPiece) -> list[Event]:
        return self._calls.take(piece) if not self.over else []

    def _finish(self, piece: p.Finish) -> list[Event]:
        self._reason, self.finished = piece.reason, True
        return []

    def _counted(self, piece: p.Counted) -> list[Event]:
        self._usage = piece.usage
        return []

    def _broke(self, piece: p.Broke) -> list[Event]:
        return self._speech.fail(piece.fault)

    def _end(self) -> list[Event]:
        finish = _FINISHES.get(self._reason, "stop")
        events = self._calls.finish(cut=finish != "stop")
        if self._calls.nameless:
            return events + self._speech.fail(MALFORMED)
        if finish == "stop" and self._calls:
            finish = "tool_calls"
        if finish == "stop" and self._turn.tool_choice.mode == "required":
            return [*events, *self._speech.close(), *self._speech.fail(fault("tool_choice_unmet"))]
        usage = self._usage or estimate.usage(self._turn, self._speech.size_bytes)
        return events + self._speech.end(finish, usage)


_TAKES: Final[dict[type, Callable[[Translator, Any], list[Event]]]] = {
    p.Text: Translator._text,
    p.Thought: Translator._thought,
    p.Refusal: Translator._refusal,
    p.Noted: Translator._noted,
    p.CallPiece: Translator._call,
    p.Finish: Translator._finish,
    p.Counted: Translator._counted,
    p.Broke: Translator._broke,
}
