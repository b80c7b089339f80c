"""The models that codexd lists."""

from codexd.neutral.records import frozen
from codexd.neutral.turn import JsonText


@frozen(kw_only=True)
class ModelCard:
    """One entry of `GET /v1/models`.

    Attributes:
        id: the name clients request.
        created: Unix time in seconds.
        owned_by: OpenAI's field of the same name.
        efforts: the supported reasoning efforts, weakest first; each is also accepted as a `-effort` suffix.
        context_window: in tokens; None if unknown.
        effort: the default reasoning effort of an alias.
        description: a description of the model, or of the one that an alias stands for, from Codex's own catalog.
        template: the entry of that catalog from which models without an entry are described.
    """

    id: str
    created: int = 0
    owned_by: str = "openai"
    efforts: tuple[str, ...] = ()
    context_window: int | None = None
    effort: str | None = None
    description: JsonText | None = None
    template: JsonText | None = None
