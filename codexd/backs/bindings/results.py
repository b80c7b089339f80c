"""The results of the methods that codexd calls."""

from attrs import field

from codexd.neutral.records import frozen


@frozen
class ThreadRef:
    """A reference to a thread."""

    id: str


@frozen
class TurnRef:
    """A reference to a turn."""

    id: str


@frozen
class ThreadStartResult:
    """The result of `thread/start`; `instructionSources` are the AGENTS.md files the child has added."""

    thread: ThreadRef
    instructionSources: list[str] = field(factory=list)


@frozen
class TurnStartResult:
    """The result of `turn/start`."""

    turn: TurnRef


@frozen
class EffortOption:
    """One reasoning effort that a model supports."""

    reasoningEffort: str


@frozen
class OfferedModel:
    """One model in the result of `model/list`."""

    id: str
    hidden: bool
    isDefault: bool
    supportedReasoningEfforts: list[EffortOption]


@frozen
class ModelPage:
    """The result of `model/list`: one page."""

    data: list[OfferedModel]
    nextCursor: str | None = None
