"""The zope interfaces between HTTP, back ends and the store."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import Attribute, Interface

from codexd.context import RequestContext
from codexd.neutral.event import Event
from codexd.neutral.fault import Fault
from codexd.neutral.forwarded import ForwardedHead, ForwardedRequest
from codexd.neutral.login_state import LoginState
from codexd.neutral.model import ModelCard as ModelCard
from codexd.neutral.stored import HistoryQuery, LoadedHistory, StoredConversation, StoredItem, StoredResponse
from codexd.neutral.turn import Turn
from codexd.neutral.usage import RowPage, RowQuery, UsageQuery, UsageRetention, UsageRow, UsageSum
from codexd.policy.account_limits import AccountState
from codexd.policy.key_meter import SpentTokens
from codexd.policy.key_policy import KeyPolicy
from codexd.policy.status import BackendStatus, WorkerStatus

SlotState = Literal["free", "full", "down"]
"""Whether a back end can run one more turn: it has a slot, all are taken, or it can run none at all."""


class IEventSink(Interface):
    """Receives the events of one response, in the order of `codexd.neutral.grammar`."""

    def receive(event: Event) -> None:
        """Record the next event. Must not raise and must not call the handle."""

    def settle() -> None:
        """Act on the received events: called once at the end of a reactor iteration.

        Always follows events received outside `begin`; whoever called `begin` settles the events received
        inside it. All output of a reactor iteration can so leave in one write. Unlike `receive` it may call
        `pause`, `resume` and `cancel` of the handle, and may begin another turn: the client's next request
        can follow at once when a response ends.
        """


class ITurnHandle(Interface):
    """Controls one running turn."""

    ignored = Attribute("tuple[str, ...]: request fields without effect, the turn's own included.")

    def cancel() -> None:
        """Stop the model: the rest is not needed. The sink receives nothing after this. Idempotent."""

    def pause() -> None:
        """Stop reading from the model until `resume`: the client reads too slowly. Idempotent."""

    def resume() -> None:
        """Continue to read from the model. Idempotent."""


class IModelBackend(Interface):
    """Answers turns with a model."""

    def begin(turn: Turn, context: RequestContext, sink: IEventSink) -> ITurnHandle:
        """Start a turn; the sink receives its outcome, failures included.

        A failure before `Began` becomes an HTTP error.

        Args:
            turn: what the model is asked.
            context: of the request that the turn belongs to; its record is told which back end was asked.
            sink: receives the events.

        Raises:
            FaultError: when the turn cannot be started: not ready, busy, unknown model.
        """

    def models() -> tuple[ModelCard, ...]:
        """List the models on offer, as last read."""

    def ready() -> bool:
        """Return whether a turn that begins now could run."""


class ILimitedBackend(IModelBackend):
    """A back end that runs a limited number of turns at once; a queue is in front of it.

    It records in its `codexd.policy.slot_ledger.SlotLedger` which turns run, which notifies the queue.
    """

    def slot_group(turn: Turn) -> str:
        """Return the name of the slots that can run a turn; there are few groups."""

    def slot_state(group: str) -> SlotState:
        """Return whether the group can run one more turn."""

    def prepare(turn: Turn) -> Any:
        """Compute what beginning a turn needs; pure, as it may run in a thread.

        Raises:
            FaultError: when the turn cannot be begun, whatever the load is.
        """

    def begin_prepared(turn: Turn, context: RequestContext, sink: IEventSink, prepared: Any) -> ITurnHandle:
        """Start a turn with the result of `prepare`; `begin` does both."""

    def continues(turn: Turn) -> bool:
        """Return whether a turn goes on with one that waits for it in the model. It does not wait for a slot.

        Only asked for a turn whose last item is a tool result.
        """

    def check(turn: Turn) -> None:
        """Refuse a turn that `begin` would refuse whatever its history and the load are.

        Raises:
            FaultError: `not_ready` or `unknown_model`.
        """


class IEmbedder(Interface):
    """Computes embeddings."""

    def embed(model: str, encode_body: Callable[[str], bytes], context: RequestContext) -> "Deferred[bytes]":
        """Request embeddings; the Deferred fires with the response body or fails with FaultError.

        Args:
            model: the name in the client's request.
            encode_body: returns the request body with another model name in it.
            context: of the request; as in `IModelBackend.begin`.

        Raises:
            FaultError: `unknown_model`, or `unsupported` for a model without embeddings.
        """


class IImageLoader(Interface):
    """Loads images by URL, from its cache or over the network. Images of one owner are never shown to another."""

    def check(url: str) -> None:
        """Check a URL without connecting to its host.

        Raises:
            FaultError: `image_refused`.
        """

    def find(owner: str, url: str) -> str | None:
        """Return a cached image as a `data:` URL; None if it must be loaded."""

    def load(owner: str, url: str) -> "Deferred[str]":
        """Load an image as a `data:` URL. Cancelling the Deferred stops a fetch that no other request waits for.

        Fails with FaultError: `image_refused`, `image_failed`, `image_too_large` or `image_type`.
        """


class IForwardingReceiver(Interface):
    """Receives the response of a forwarded request: `open`, any number of `write`, then `finish` or `fail`."""

    def open(head: ForwardedHead) -> None:
        """Begin the response. Called with its first bytes, so that an upstream that sends none has failed before."""

    def write(data: bytes) -> None:
        """Receive a piece of the body. May call `pause` of the handle."""

    def finish() -> None:
        """End the response: it is complete."""

    def fail(fault: Fault) -> None:
        """End the response: it failed, and is incomplete if it was opened."""


class IForwardingHandle(Interface):
    """Controls one forwarded request."""

    def cancel() -> None:
        """Close the connection to the upstream; the receiver gets nothing after this. Idempotent."""

    def pause() -> None:
        """Stop reading from the upstream until `resume`: the client reads too slowly. Idempotent."""

    def resume() -> None:
        """Continue to read from the upstream. Idempotent."""


class IForwarder(Interface):
    """Forwards requests to upstreams as they are."""

    def forward(
        model: str | None, request: ForwardedRequest, context: RequestContext, receiver: IForwardingReceiver
    ) -> IForwardingHandle:
        """Forward a request; the receiver gets nothing before the caller has the handle.

        Args:
            model: the name of the model for routing; None if the request names none.
            request: the request.
            context: as in `IModelBackend.begin`.
            receiver: receives the response.

        Raises:
            FaultError: `endpoint_not_configured` if no upstream is configured for it, `unknown_model`, `not_ready`,
                `busy`, `unreachable`.
        """


@frozen(kw_only=True)
class Backends:
    """What answers requests.

    Attributes:
        backend: answers turns.
        embedder: creates embeddings.
        forwarder: forwards requests to upstreams.
        account: what is known of the account of Codex; None if Codex does not run, or serves the scripted model.
        models_of: returns the models that the key of a policy can reach; None: all have those of `backend`.
        accounts: returns the accounts of the Codex back ends that use one, by the names of the back ends.
    """

    backend: IModelBackend
    embedder: IEmbedder
    forwarder: IForwarder
    account: AccountState | None = None
    models_of: Callable[[KeyPolicy], tuple[ModelCard, ...]] | None = None
    accounts: Callable[[], Mapping[str, LoginState]] = dict

    def list_models(self, policy: KeyPolicy) -> tuple[ModelCard, ...]:
        """Return the models that the key of a policy can reach, without regard to its permissions."""
        return self.backend.models() if self.models_of is None else self.models_of(policy)


class IStatus(Interface):
    """Shows the state of the back ends."""

    def workers() -> tuple[WorkerStatus, ...]:
        """Return the Codex processes, also those that take no turns because one replaces the other."""

    def backends() -> tuple[BackendStatus, ...]:
        """Return the back ends, Codex first."""


class IResponseWriter(Interface):
    """Writes one response over one transport; see `IBodyWriter` and `IStreamWriter`."""

    def refuse(fault: Fault) -> None:
        """Send an error in the dialect of the request, in place of a response."""

    def abort() -> None:
        """Close the connection at once: the client must not take an incomplete response for a complete one."""


class IBodyWriter(IResponseWriter):
    """Writes one response that is a single body: `send`, or `refuse` instead."""

    def send(body: bytes, ignored: tuple[str, ...]) -> None:
        """Send a whole response.

        Args:
            ignored: the request's fields without effect.
        """


class IStreamWriter(IResponseWriter):
    """Writes one streamed response: `open`, any number of `write`, `finish`; or `refuse` instead of them all."""

    def open(producer: IPushProducer, ignored: tuple[str, ...]) -> None:
        """Begin the stream; from here on it cannot be refused.

        Args:
            producer: paused while the transport is full.
            ignored: the request's fields without effect.
        """

    def write(events: Sequence[tuple[bytes, bytes]]) -> None:
        """Send events (`codexd.fronts.dialect.StreamEvent`), in one write."""

    def keep_alive() -> None:
        """Send the transport's own keep-alive, such as an SSE comment or a WebSocket ping."""

    def finish(events: Sequence[tuple[bytes, bytes]], complete: bool) -> None:
        """Send the last events and end the stream.

        Args:
            complete: it ends as the model ended it, and not with a failure.
        """


class IResponseStore(Interface):
    """Stores responses and conversations. A change that was acknowledged survives a crash of the process.

    Everything belongs to an owner and does not exist for any other owner. Calls take effect in the order in
    which they are made. A failed Deferred fails with FaultError(`store_failed`).
    """

    def save_response(response: StoredResponse, stream: bytes = b"") -> "Deferred[None]":
        """Save a response, replacing its earlier version; fires when it is committed.

        When a response of a conversation is saved as finished for the first time, its input and output are
        appended to the conversation. What a response continues is resolved when it is first saved; that may
        have been deleted since its history was loaded.

        Args:
            response: the response to save.
            stream: the whole event stream of a background response, for a later `stream=true`; empty leaves
                the stored stream unchanged.
        """

    def load_response(owner: str, id: str) -> "Deferred[StoredResponse | None]":
        """Return a response as it was last saved, None when there is none."""

    def load_stream(owner: str, id: str) -> "Deferred[bytes]":
        """Return the stream that was saved with a response, empty when there is none."""

    def load_history(wanted: HistoryQuery) -> "Deferred[LoadedHistory]":
        """Return what a request continues and the items it refers to, as of one moment.

        A response's history is everything before it, its input and its output, including ancestors that were
        deleted since. Calls and reasoning that were cut short are included as they were saved.
        """

    def load_input_items(owner: str, id: str) -> "Deferred[tuple[StoredItem, ...] | None]":
        """Return the model's input for a response, oldest first: its history and its own input."""

    def delete_response(owner: str, id: str) -> "Deferred[bool]":
        """Delete a response and return whether it existed; responses that continue it keep its history."""

    def save_conversation(conversation: StoredConversation, items: tuple[StoredItem, ...] = ()) -> "Deferred[None]":
        """Save a conversation, replacing its earlier body, and append items.

        An item whose id is already in the conversation is skipped.
        """

    def update_conversation(conversation: StoredConversation) -> "Deferred[bool]":
        """Replace the body of a conversation if it exists; return whether it does."""

    def append_items(owner: str, id: str, items: tuple[StoredItem, ...]) -> "Deferred[bool]":
        """Append items to a conversation if it exists; return whether it does."""

    def load_conversation(owner: str, id: str) -> "Deferred[StoredConversation | None]":
        """Return a conversation without its items, None when there is none."""

    def load_conversation_items(owner: str, id: str) -> "Deferred[tuple[StoredItem, ...] | None]":
        """Return a conversation's items, oldest first, None when there is no such conversation."""

    def remove_item(owner: str, id: str, item: str) -> "Deferred[bool]":
        """Remove one item from a conversation; return whether the item was there."""

    def delete_conversation(owner: str, id: str) -> "Deferred[bool]":
        """Delete a conversation and return whether it existed; the responses given in it stay."""


class IStore(IResponseStore):
    """The store as the daemon opens it, with what no single request asks for."""

    def for_request(id: str) -> IResponseStore:
        """Return the store for the calls of one request; the log line of a call that fails names its id."""

    def problem() -> str | None:
        """Return what is wrong with the database, None while responses can be stored."""

    def on_recovered(recovery: Callable[[], object]) -> None:
        """Set the function to call when responses can be stored again after a fault."""

    def load_unfinished() -> "Deferred[tuple[StoredResponse, ...]]":
        """Return the queued and running responses of all owners; after a start, those that were cut off."""

    def prune(before: float, most: int) -> "Deferred[int]":
        """Delete what is older than a Unix time in seconds, and the oldest beyond `most`.

        The age of a conversation counts from its last use. Queued and running responses and their
        conversations stay. Fires with the number of deleted responses.
        """


class IUsageStore(Interface):
    """Stores the tokens that API keys have spent in the current day and month."""

    def load_key_usage() -> "Deferred[tuple[SpentTokens, ...]]":
        """Load what all keys have spent in their last periods."""

    def save_key_usage(spent: tuple[SpentTokens, ...]) -> "Deferred[None]":
        """Save what keys have spent. A stored count of the same period is never lowered."""


class IUsageLedger(Interface):
    """Stores what every request has used. All calls run in the store's thread, and read a limited number of rows."""

    def load_usage_position() -> "Deferred[int]":
        """Load the number of the last row that was ever written."""

    def append_usage(rows: tuple[UsageRow, ...]) -> "Deferred[None]":
        """Write rows; those with numbers that were written before are left out, so a write can be repeated."""

    def sum_usage(query: UsageQuery) -> "Deferred[tuple[UsageSum, ...]]":
        """Return sums by bucket, in the order of time.

        Fails with FaultError(`usage_too_large`) for a query that has too many results, or too many rows to read.
        """

    def list_usage(query: RowQuery) -> "Deferred[RowPage]":
        """Return a page of rows."""

    def roll_up_usage(retention: UsageRetention) -> "Deferred[bool]":
        """Roll up and delete one batch of what is old; return whether there is more."""
