"""The stored state: responses with their history, and conversations.

Bodies are JSON in the dialect that wrote them. The store does not parse them, so that a history is returned
exactly as it was saved, unknown members included.
"""

from collections.abc import Mapping
from typing import Literal

from attrs import Factory

from codexd.neutral.records import frozen

ResponseState = Literal["queued", "running", "over"]
"""The progress of a stored response; `over` is final."""


@frozen
class StoredItem:
    """One item of a history.

    Attributes:
        id: unique in its response or conversation; `item_reference` items refer to it.
        body: the item as it is shown and replayed.
    """

    id: str
    body: bytes


@frozen(kw_only=True)
class StoredResponse:
    """One response.

    Attributes:
        id: `resp_...`.
        owner: the principal that created it; no other principal can read it.
        created: Unix time in seconds.
        state: its progress.
        body: the Response object without its `output`.
        input: the items of its own request, without the history that it continues.
        output: the items of the answer.
        previous: the response it continues (`previous_response_id`).
        conversation: the conversation it belongs to; never together with `previous`.
        background: it runs without a client, can be cancelled, and its stream can be resumed.
        position: the position of its conversation at the time of the request (`LoadedHistory.position`); None
            stands for the position at the time the response is first saved.
    """

    id: str
    owner: str
    created: int
    state: ResponseState
    body: bytes
    input: tuple[StoredItem, ...] = ()
    output: tuple[StoredItem, ...] = ()
    previous: str | None = None
    conversation: str | None = None
    background: bool = False
    position: int | None = None


@frozen
class StoredConversation:
    """One conversation (OpenAI `Conversation`); its items are stored separately.

    Attributes:
        id: `conv_...`.
        owner: the principal that created it.
        created: Unix time in seconds.
        body: the Conversation object.
    """

    id: str
    owner: str
    created: int
    body: bytes


@frozen
class HistoryQuery:
    """The stored state that a request continues or refers to.

    Attributes:
        owner: the principal of the request.
        previous: the id of a response.
        conversation: the id of a conversation.
        references: ids of items.
    """

    owner: str
    previous: str | None = None
    conversation: str | None = None
    references: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the request needs nothing from the store."""
        return self.previous is None and self.conversation is None and not self.references


@frozen
class LoadedHistory:
    """The result of a HistoryQuery: what was found and belongs to the owner.

    Attributes:
        history: the items of the response's chain or of the conversation, oldest first; None if not found.
        state: the state of the requested response.
        items: the referenced items that were found, by id.
        position: the position of the requested conversation, to be saved with the response
            (`StoredResponse.position`).
    """

    history: tuple[StoredItem, ...] | None = ()
    state: ResponseState = "over"
    items: Mapping[str, StoredItem] = Factory(dict)
    position: int | None = None
