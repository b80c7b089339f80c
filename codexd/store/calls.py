"""The calls of requests to the store: each becomes a `StoreCall` for the queue."""

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from codexd.interfaces import IResponseStore
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.stored import HistoryQuery, LoadedHistory, StoredConversation, StoredItem, StoredResponse
from codexd.settings import Responses
from codexd.store import conversations, history, response_writes, responses
from codexd.store.batch import StoreCall, Work
from codexd.store.pruning import ByteLimit


@implementer(IResponseStore)
class StoreCalls:
    """Stores responses and conversations (`IResponseStore`).

    Args:
        submit: runs a call.
        settings: the largest history that is loaded.
        now: returns Unix time in seconds.
        lease_seconds: for how long a request can still continue what is deleted meanwhile.
        add_to_count: called with the change of the number of stored responses.
        byte_limit: returns the most bytes that an owner may store.
        on_stored: called with an owner who has stored something.
        request_id: the id of the request that makes the calls, for the log; empty for none.
    """

    def __init__(
        self,
        submit: Callable[[StoreCall], "Deferred[Any]"],
        settings: Responses,
        now: Callable[[], float],
        lease_seconds: float,
        add_to_count: Callable[[int], object],
        byte_limit: ByteLimit,
        on_stored: Callable[[str], object],
        request_id: str = "",
    ) -> None:
        self._submit = submit
        self._settings = settings
        self._now = now
        self._lease_seconds = lease_seconds
        self._add_to_count = add_to_count
        self._owner_limit = byte_limit
        self._on_stored = on_stored
        self._request_id = request_id

    def for_request(self, id: str) -> "StoreCalls":
        """Return the store for the calls of one request (IStore)."""
        return StoreCalls(
            self._submit,
            self._settings,
            self._now,
            self._lease_seconds,
            self._add_to_count,
            self._owner_limit,
            self._on_stored,
            id,
        )

    # Responses (IResponseStore).

    def save_response(self, response: StoredResponse, stream: bytes = b"") -> "Deferred[None]":
        """Save a response."""
        work = partial(response_writes.save_response, response=response, stream=stream, now=self._now())
        size = len(response.body) + len(stream) + _size(response.input) + _size(response.output)
        saved = self._store(response.owner, "save_response", work, size, self._add_to_count)
        return saved.addCallback(_return_none)

    def load_response(self, owner: str, id: str) -> "Deferred[StoredResponse | None]":
        """Load a response."""
        return self._read("load_response", partial(responses.load_response, owner=owner, id=id))

    def load_stream(self, owner: str, id: str) -> "Deferred[bytes]":
        """Load a response's stream."""
        return self._read("load_stream", partial(responses.load_stream, owner=owner, id=id), loads_much=True)

    def load_history(self, wanted: HistoryQuery) -> "Deferred[LoadedHistory]":
        """Load what a request continues and the items it refers to."""
        until = self._now() + self._lease_seconds
        max_bytes = self._settings.history_bytes
        work = partial(history.load_history, wanted=wanted, until=until, max_bytes=max_bytes)
        return self._read("load_history", work, loads_much=True)

    def load_input_items(self, owner: str, id: str) -> "Deferred[tuple[StoredItem, ...] | None]":
        """Load the model's input for a response."""
        max_bytes = self._settings.history_bytes
        work = partial(history.load_input_items, owner=owner, id=id, max_bytes=max_bytes)
        return self._read("load_input_items", work, loads_much=True)

    def delete_response(self, owner: str, id: str) -> "Deferred[bool]":
        """Delete a response."""
        work = partial(responses.delete_response, owner=owner, id=id)
        return self._write("delete_response", work, lambda deleted: self._add_to_count(-deleted))

    # Conversations (IResponseStore).

    def save_conversation(
        self, conversation: StoredConversation, items: tuple[StoredItem, ...] = ()
    ) -> "Deferred[None]":
        """Save a conversation and append items."""
        work = partial(conversations.save_conversation, conversation=conversation, items=items, now=self._now())
        return self._store(conversation.owner, "save_conversation", work, len(conversation.body) + _size(items))

    def update_conversation(self, conversation: StoredConversation) -> "Deferred[bool]":
        """Replace the body of a conversation."""
        work = partial(conversations.update_conversation, conversation=conversation)
        return self._write("update_conversation", work)

    def append_items(self, owner: str, id: str, items: tuple[StoredItem, ...]) -> "Deferred[bool]":
        """Append items to a conversation."""
        work = partial(conversations.append_items, owner=owner, id=id, items=items, now=self._now())
        return self._store(owner, "append_items", work, _size(items))

    def load_conversation(self, owner: str, id: str) -> "Deferred[StoredConversation | None]":
        """Load a conversation."""
        return self._read("load_conversation", partial(conversations.load_conversation, owner=owner, id=id))

    def load_conversation_items(self, owner: str, id: str) -> "Deferred[tuple[StoredItem, ...] | None]":
        """Load a conversation's items."""
        max_bytes = self._settings.history_bytes
        work = partial(history.load_conversation_items, owner=owner, id=id, max_bytes=max_bytes)
        return self._read("load_conversation_items", work, loads_much=True)

    def remove_item(self, owner: str, id: str, item: str) -> "Deferred[bool]":
        """Remove one item from a conversation."""
        work = partial(conversations.remove_item, owner=owner, id=id, item=item, now=self._now())
        return self._write("remove_item", work)

    def delete_conversation(self, owner: str, id: str) -> "Deferred[bool]":
        """Delete a conversation."""
        work = partial(conversations.delete_conversation, owner=owner, id=id)
        return self._write("delete_conversation", work)

    # The queue.

    def _read(self, name: str, work: Work, loads_much: bool = False) -> "Deferred[Any]":
        return self._submit(StoreCall(name=name, work=work, request_id=self._request_id, loads_much=loads_much))

    def _store(
        self, owner: str, name: str, work: Work, size_bytes: int, on_result: Callable[[Any], object] = lambda _: None
    ) -> "Deferred[Any]":
        """Run a call that stores something, unless that alone is more than the owner may store."""
        limit = self._owner_limit(owner)
        if limit is not None and size_bytes > limit:
            return fail(FaultError(fault("storage_limit")))

        def stored(result: Any) -> None:
            on_result(result)
            self._on_stored(owner)

        return self._write(name, work, on_result if limit is None else stored, size_bytes)

    def _write(
        self, name: str, work: Work, on_result: Callable[[Any], object] = lambda _: None, size_bytes: int = 0
    ) -> "Deferred[Any]":
        return self._submit(
            StoreCall(
                name=name,
                work=work,
                writes=True,
                on_result=on_result,
                request_id=self._request_id,
                size_bytes=size_bytes,
            )
        )


def _size(items: tuple[StoredItem, ...]) -> int:
    return sum(len(item.body) for item in items)


def _return_none(_: object) -> None:
    """Drop the result of a write that the interface does not return."""
