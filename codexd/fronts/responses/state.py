"""State options of a Responses request: the history it continues, and whether its response is stored."""

from typing import Final

from codexd.fronts import errors, json_fields
from codexd.fronts.json_fields import Fields
from codexd.fronts.responses import history
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.records import frozen
from codexd.neutral.stored import HistoryQuery, LoadedHistory

MAX_REFERENCES: Final = 1000
"""The maximum number of `item_reference` items in a request."""


@frozen
class StateOptions:
    """What a request stores and what it continues.

    Attributes:
        store: the response is stored.
        background: it continues without its client.
        previous: the response it continues (`previous_response_id`).
        conversation: the conversation it belongs to; never together with `previous`.
    """

    store: bool = True
    background: bool = False
    previous: str | None = None
    conversation: str | None = None


def parse_state(fields: Fields) -> StateOptions:
    """Parse the state options.

    A response of a conversation is stored with it, so `store: false` is rejected there: the conversation
    would hold items of a response that does not exist.

    Raises:
        FaultError: `unsupported` for stored prompts, `wrong_value` for options that exclude each other.
    """
    if fields.has("prompt"):
        json_fields.raise_unsupported(
            "prompt", "This server does not support stored prompts; send 'instructions' and 'input' instead."
        )
    state = StateOptions(
        fields.flag("store", True),
        fields.flag("background", False),
        _optional_name(fields, "previous_response_id"),
        _conversation(fields),
    )
    if state.previous is not None and state.conversation is not None:
        json_fields.raise_wrong_value("conversation", "it cannot be combined with 'previous_response_id'")
    if not state.store and state.background:
        json_fields.raise_wrong_value("background", "a background response must be stored")
    if not state.store and state.conversation is not None:
        json_fields.raise_wrong_value("store", "a response of a conversation must be stored")
    return state


def build_history_query(fields: Fields, state: StateOptions, owner: str) -> HistoryQuery:
    """Build the query for the history that a request continues.

    Raises:
        FaultError: when `input` is malformed, or refers to more than `MAX_REFERENCES` items.
    """
    references = history.parse_references(fields)
    if len(references) > MAX_REFERENCES:
        json_fields.raise_wrong_value("input", f"expected at most {MAX_REFERENCES} item references")
    return HistoryQuery(owner, state.previous, state.conversation, references)


def check_history(history_query: HistoryQuery, loaded: LoadedHistory) -> None:
    """Check that the loaded history is what was queried.

    Raises:
        FaultError: `previous_response_not_found`, `response_running` or `conversation_not_found`.
    """
    if history_query.previous is not None:
        _check_previous(history_query.previous, loaded)
    elif history_query.conversation is not None and loaded.history is None:
        absent = errors.not_found("conversation_not_found", "Conversation", history_query.conversation, "conversation")
        raise FaultError(absent)


def _check_previous(id: str, loaded: LoadedHistory) -> None:
    param = "previous_response_id"
    if loaded.history is None:
        raise FaultError(errors.not_found("previous_response_not_found", "Previous response", id, param))
    if loaded.state != "over":
        raise FaultError(fault("response_running", "The previous response is not finished yet.", param=param))


def _conversation(fields: Fields) -> str | None:
    """Parse `conversation`: an id, or an object with an id."""
    if isinstance(fields.raw("conversation"), dict):
        return fields.required_object("conversation").required_name("id")
    return _optional_name(fields, "conversation")


def _optional_name(fields: Fields, name: str) -> str | None:
    return fields.required_name(name) if fields.has(name) else None
