"""Says what happened as a grammatical sentence, whatever the child sends and in whatever order.

The translator names items by the child's ids; here they become indexes, open when they must and close
before the end. Nothing is said after the end.
"""

from attrs import define, field

from codexd.neutral import event as e
from codexd.neutral.fault import Fault
from codexd.neutral.turn import ToolCall


@define
class _Thought:
    """An open reasoning item: its index and how far each kind of part has come."""

    index: int
    summary: list[int] = field(factory=list)
    content: list[int] = field(factory=list)


class Speech:
    """One answer as it is being said."""

    def __init__(self) -> None:
        self.over = False
        self.began = False
        self._count = 0
        self._message: tuple[str, int] | None = None
        self._said = 0
        self._thought: tuple[str, _Thought] | None = None

    def begin(self) -> list[e.Event]:
        """Say that the model has begun; once."""
        if self.began or self.over:
            return []
        self.began = True
        return [e.Began()]

    def message(self, id: str, phase: str | None = None) -> list[e.Event]:
        """Open a message, unless it is open."""
        if self.over or (self._message and self._message[0] == id):
            return []
        said = self.begin() + self._settle()
        self._message, self._said = (id, self._next()), 0
        return [*said, e.MessageOpened(self._message[1], id, phase)]

    def text(self, id: str, text: str) -> list[e.Event]:
        """Say a piece of a message's text; the hot path."""
        message = self._message
        if message is None or message[0] != id:
            opened = self.message(id)
            return opened + self.text(id, text) if opened else []
        if self.over or not text:
            return []
        self._said += len(text)
        return [e.TextDelta(message[1], text)]

    def whole_message(self, id: str, text: str, phase: str | None) -> list[e.Event]:
        """Close a message, saying first whatever of it no delta brought."""
        said = self.message(id, phase)
        if self.over:
            return said
        said += self.text(id, text[self._said :])
        return said + self._close_message()

    def thought(self, id: str) -> list[e.Event]:
        """Open a reasoning item, unless it is open."""
        if self.over or (self._thought and self._thought[0] == id):
            return []
        said = self.begin() + self._settle()
        self._thought = (id, _Thought(self._next()))
        return [*said, e.ReasoningOpened(self._thought[1].index, id)]

    def summary(self, id: str, part: int, text: str) -> list[e.Event]:
        """Say a piece of the reasoning summary."""
        return self._think(id, part, text, e.SummaryDelta)

    def open_thought(self, id: str, part: int, text: str) -> list[e.Event]:
        """Say a piece of open reasoning text."""
        return self._think(id, part, text, e.ThoughtDelta)

    def whole_thought(
        self, id: str, summary: tuple[str, ...], content: tuple[str, ...], encrypted: str | None
    ) -> list[e.Event]:
        """Close a reasoning item, saying first whatever of it no delta brought."""
        said = self.thought(id)
        if self.over or self._thought is None:
            return said
        thought = self._thought[1]
        for parts, spoken, delta in (
            (summary, thought.summary, e.SummaryDelta),
            (content, thought.content, e.ThoughtDelta),
        ):
            for part, text in enumerate(parts):
                done = spoken[part] if part < len(spoken) else 0
                said += self._think(id, part, text[done:], delta)
        self._thought = None
        return [*said, e.ReasoningClosed(thought.index, encrypted)]

    def call(self, call: ToolCall) -> list[e.Event]:
        """Say a whole tool call: they arrive in one piece."""
        if self.over:
            return []
        said = self.begin() + self._settle()
        index = self._next()
        id = call.id or f"fc_{call.call_id}"
        said.append(e.CallOpened(index, id, call.call_id, call.name, call.kind, call.namespace))
        if call.arguments:
            said.append(e.CallDelta(index, call.arguments))
        return [*said, e.CallClosed(index)]

    def end(self, finish: e.Finish, usage: e.Usage | None) -> list[e.Event]:
        """Say the end; what is still open is closed, as cut when the answer was."""
        if self.over:
            return []
        said = self.begin() + self._settle(complete=finish not in ("length", "content_filter"))
        self.over = True
        if usage is not None:
            said.append(e.UsageReported(usage))
        return [*said, e.Ended(finish)]

    def fail(self, fault: Fault) -> list[e.Event]:
        """Say that it broke."""
        if self.over:
            return []
        self.over = True
        return [e.Failed(fault)]

    def _next(self) -> int:
        index, self._count = self._count, self._count + 1
        return index

    def _think(
        self, id: str, part: int, text: str, delta: type[e.SummaryDelta] | type[e.ThoughtDelta]
    ) -> list[e.Event]:
        said = self.thought(id)
        if self.over or self._thought is None or not text:
            return said
        thought = self._thought[1]
        spoken = thought.summary if delta is e.SummaryDelta else thought.content
        # Parts only ever grow at their end: a jump ahead opens the next one, a step back joins the last.
        at = min(max(part, len(spoken) - 1), len(spoken))
        if at == len(spoken):
            spoken.append(0)
        spoken[at] += len(text)
        return [*said, delta(thought.index, at, text)]

    def _settle(self, complete: bool = True) -> list[e.Event]:
        said = self._close_message(complete)
        if self._thought is not None:
            said.append(e.ReasoningClosed(self._thought[1].index, None, complete))
            self._thought = None
        return said

    def _close_message(self, complete: bool = True) -> list[e.Event]:
        if self._message is None:
            return []
        index, self._message = self._message[1], None
        return [e.MessageClosed(index, complete)]
