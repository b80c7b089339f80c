"""What is kept between requests: answers with their history, and conversations.

Bodies are JSON in the dialect of the front that wrote them. Whoever keeps them does not look inside, so that
a history comes back exactly as it went in, unknown members included.
"""

from collections.abc import Mapping
from typing import Literal

from attrs import Factory, frozen

Standing = Literal["queued", "running", "over"]
"""How far a kept answer has come; `over` never changes again."""


@frozen
class KeptItem:
    """One item of a history.

    Attributes:
        id: unique in its answer or conversation; what an `item_reference` names.
        body: the item, as it is shown and replayed.
    """

    id: str
    body: bytes


@frozen
class KeptResponse:
    """One answer.

    Attributes:
        id: `resp_...`.
        owner: the principal whose it is; nobody else ever sees it.
        created: Unix time in seconds.
        standing: how far it has come.
        body: the Response object but for its `output`.
        input: the items of its own request, without the history it went on from.
        output: the answer's items.
        previous: the response it goes on from (`previous_response_id`).
        conversation: the conversation it belongs to; never together with `previous`.
        background: it goes on without a client, can be cancelled, and its stream can be taken up again.
        seen: how far its conversation had come when it was asked (`Recalled.seen`); None stands for how far
            it has come when the answer is first kept.
    """

    id: str
    owner: str
    created: int
    standing: Standing
    body: bytes
    input: tuple[KeptItem, ...] = ()
    output: tuple[KeptItem, ...] = ()
    previous: str | None = None
    conversation: str | None = None
    background: bool = False
    seen: int | None = None


@frozen
class KeptConversation:
    """One conversation (OpenAI `Conversation`); its items are kept beside it.

    Attributes:
        id: `conv_...`.
        owner: the principal whose it is.
        created: Unix time in seconds.
        body: the Conversation object.
    """

    id: str
    owner: str
    created: int
    body: bytes


@frozen
class Wanted:
    """What a request goes on from.

    Attributes:
        owner: whose request it is.
        previous: a response.
        conversation: a conversation.
        references: ids of items.
    """

    owner: str
    previous: str | None = None
    conversation: str | None = None
    references: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Tell whether the request stands alone."""
        return self.previous is None and self.conversation is None and not self.references


@frozen
class Recalled:
    """What was found of what was wanted, and is the owner's.

    Attributes:
        history: what the response or the conversation amounts to, oldest first; None when there is none such.
        standing: of the response that was wanted.
        items: the referenced items that were found, by id.
        seen: how far the wanted conversation has come; to be kept with the answer (`KeptResponse.seen`).
    """

    history: tuple[KeptItem, ...] | None = ()
    standing: Standing = "over"
    items: Mapping[str, KeptItem] = Factory(dict)
    seen: int | None = None
