"""What is on offer."""

from attrs import frozen


@frozen
class ModelCard:
    """One model on offer (OpenAI `/v1/models`).

    Attributes:
        id: what clients ask for.
        created: Unix time in seconds.
        owned_by: as OpenAI has it.
        efforts: reasoning efforts it takes, weakest first; each is also offered as a `-effort` suffix.
        context_window: in tokens, where known.
    """

    id: str
    created: int = 0
    owned_by: str = "openai"
    efforts: tuple[str, ...] = ()
    context_window: int | None = None
