"""What the child answers."""

from attrs import field, frozen


@frozen
class ThreadRef:
    """A thread by its id."""

    id: str


@frozen
class TurnRef:
    """A turn by its id."""

    id: str


@frozen
class ThreadStarted:
    """Result of `thread/start`; `instructionSources` are AGENTS.md files the child added by itself."""

    thread: ThreadRef
    instructionSources: list[str] = field(factory=list)


@frozen
class TurnAccepted:
    """Result of `turn/start`."""

    turn: TurnRef


@frozen
class EffortOption:
    """One effort a model takes."""

    reasoningEffort: str


@frozen
class OfferedModel:
    """One model of `model/list`."""

    id: str
    hidden: bool
    isDefault: bool
    supportedReasoningEfforts: list[EffortOption]


@frozen
class ModelPage:
    """Result of `model/list`."""

    data: list[OfferedModel]
    nextCursor: str | None = None
