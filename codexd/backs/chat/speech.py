"""Says what happened as a grammatical sentence: one item at a time, but for calls, which grow side by side.

A thought ends where text or a call begins, a message where a thought or a call does; what comes after is a
new item, so that items stand in the order in which they were said. Nothing is said after the end.
"""

from typing import Literal

from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.turn import CallKind, JsonText

_Open = Literal["nothing", "message", "refusal", "thought"]


class Speech:
    """One answer as it is being said.

    Args:
        token: of the answer: what its items' ids are made of.

    Attributes:
        over: the end was said, or nobody listens.
        began: something was said.
        size_bytes: how much was said, thoughts and calls included, in UTF-8.
    """

    def __init__(self, token: str) -> None:
        self.over = False
        self.began = False
        self.size_bytes = 0
        self._token = token
        self._count = 0
        self._open: _Open = "nothing"
        self._index = -1
        self._early: list[JsonText] = []

    def begin(self) -> list[e.Event]:
        """Say that the model has taken the turn; once."""
        if self.began or self.over:
            return []
        self.began = True
        return [e.Began()]

    def text(self, text: str, logprobs: JsonText | None = None) -> list[e.Event]:
        """Say a piece of text; the hot path.

        Log probabilities that come without a text do not open a message: they are the next text's, if no
        thought and no call comes before it (they were those of a mark, such as `<think>`, then).
        """
        if self.over or not (text or logprobs):
            return []
        said: list[e.Event] = []
        if self._open != "message":
            if logprobs and not text:
                self._early.append(logprobs)
                return []
            early = self._early
            said = self._turn_to("message")
            said += [e.TextDelta(self._index, "", one) for one in early]
        self.size_bytes += len(text.encode())
        said.append(e.TextDelta(self._index, text, logprobs))
        return said

    def refusal(self, text: str) -> list[e.Event]:
        """Say a piece of a refusal, in the message it ends."""
        if self.over or not text:
            return []
        said = [] if self._open in ("message", "refusal") else self._turn_to("message")
        self._open = "refusal"
        self.size_bytes += len(text.encode())
        return [*said, e.RefusalDelta(self._index, text)]

    def thought(self, text: str) -> list[e.Event]:
        """Say a piece of open reasoning."""
        if self.over or not text:
            return []
        said = [] if self._open == "thought" else self._turn_to("thought")
        self.size_bytes += len(text.encode())
        return [*said, e.ThoughtDelta(self._index, 0, text)]

    def note(self, annotation: JsonText) -> list[e.Event]:
        """Say what was noted on the open message; without one there is nothing to note it on."""
        if self.over or self._open != "message":
            return []
        return [e.Annotated(self._index, annotation)]

    def call(
        self, call_id: str, name: str, kind: CallKind, namespace: str | None
    ) -> tuple[int, list[e.Event]]:
        """Open a call; give the index by which it is grown and closed."""
        said, index = self._close(complete=True), self._next()
        self._early = []
        id = f"fc_{self._token}{index:04x}"
        return index, [*self.begin(), *said, e.CallOpened(index, id, call_id, name, kind, namespace)]

    def argue(self, index: int, text: str) -> list[e.Event]:
        """Say a piece of a call's arguments."""
        if not text:
            return []
        self.size_bytes += len(text.encode())
        return [e.CallDelta(index, text)]

    def close(self) -> list[e.Event]:
        """Close the message or thought that is open: it is whole."""
        return [] if self.over else self._close(complete=True)

    def end(self, finish: e.Finish, usage: e.Usage) -> list[e.Event]:
        """Say the end; every call is closed by now."""
        if self.over:
            return []
        said = [*self.begin(), *self._close(complete=finish not in ("length", "content_filter"))]
        self.hush()
        return [*said, e.UsageReported(usage), e.Ended(finish)]

    def fail(self, fault: Fault) -> list[e.Event]:
        """Say that it broke."""
        if self.over:
            return []
        self.hush()
        return [e.Failed(fault)]

    def hush(self) -> None:
        """Say nothing more."""
        self.over = True

    def _turn_to(self, what: Literal["message", "thought"]) -> list[e.Event]:
        said, index = self._close(complete=True), self._next()
        self._open, self._index, self._early = what, index, []
        opened: e.Event
        if what == "message":
            opened = e.MessageOpened(index, f"msg_{self._token}{index:04x}")
        else:
            opened = e.ReasoningOpened(index, f"rs_{self._token}{index:04x}")
        return [*self.begin(), *said, opened]

    def _close(self, complete: bool) -> list[e.Event]:
        was, self._open = self._open, "nothing"
        if was == "nothing":
            return []
        if was == "thought":
            return [e.ReasoningClosed(self._index, None, complete)]
        return [e.MessageClosed(self._index, complete)]

    def _next(self) -> int:
        index, self._count = self._count, self._count + 1
        return index
