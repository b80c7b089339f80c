"""What a Responses request says of what is kept: what it goes on from, and whether it will be kept itself."""

from typing import Final

from attrs import frozen

from codexd.fronts import errors, reading
from codexd.fronts.reading import Fields
from codexd.fronts.responses import history
from codexd.neutral.fault import Refused, fault
from codexd.neutral.kept import Recalled, Wanted

REFERENCES: Final = 1000
"""How many items of type `item_reference` a request may have."""


@frozen
class State:
    """What is kept, and of what was kept it goes on.

    Attributes:
        store: the answer is kept.
        background: it goes on without its client.
        previous: the response it goes on from (`previous_response_id`).
        conversation: the conversation it is said in; never together with `previous`.
    """

    store: bool = True
    background: bool = False
    previous: str | None = None
    conversation: str | None = None


def read(fields: Fields) -> State:
    """Read the members that are about state.

    A response of a conversation is kept with it, so `store: false` is refused there: the conversation
    would have to hold items of a response that is not.

    Raises:
        Refused: `unsupported` for stored prompts, `wrong_value` for what does not go together.
    """
    if fields.has("prompt"):
        reading.unsupported(
            "prompt", "Stored prompts are not kept here; send 'instructions' and 'input' instead."
        )
    state = State(
        fields.flag("store", True),
        fields.flag("background", False),
        _name(fields, "previous_response_id"),
        _conversation(fields),
    )
    if state.previous is not None and state.conversation is not None:
        reading.wrong_value("conversation", "it cannot stand beside 'previous_response_id'")
    if not state.store and state.background:
        reading.wrong_value("background", "a background response has to be stored")
    if not state.store and state.conversation is not None:
        reading.wrong_value("store", "a response of a conversation has to be stored")
    return state


def wanted(fields: Fields, state: State, owner: str) -> Wanted:
    """Name what a request goes on from.

    Raises:
        Refused: when `input` is malformed, or refers to more than `REFERENCES` items.
    """
    references = history.references(fields)
    if len(references) > REFERENCES:
        reading.wrong_value("input", f"expected at most {REFERENCES} item references")
    return Wanted(owner, state.previous, state.conversation, references)


def check(wanted: Wanted, recalled: Recalled) -> None:
    """Hold what was found against what was wanted.

    Raises:
        Refused: `previous_response_not_found`, `response_running` or `conversation_not_found`.
    """
    if wanted.previous is not None:
        _check_previous(wanted.previous, recalled)
    elif wanted.conversation is not None and recalled.history is None:
        absent = errors.absent("conversation_not_found", "Conversation", wanted.conversation, "conversation")
        raise Refused(absent)


def _check_previous(id: str, recalled: Recalled) -> None:
    param = "previous_response_id"
    if recalled.history is None:
        raise Refused(errors.absent("previous_response_not_found", "Previous response", id, param))
    if recalled.standing != "over":
        raise Refused(fault("response_running", "The previous response is not finished yet.", param=param))


def _conversation(fields: Fields) -> str | None:
    """Read `conversation`: an id, or an object that holds it."""
    if isinstance(fields.raw("conversation"), dict):
        return fields.required_object("conversation").required_name("id")
    return _name(fields, "conversation")


def _name(fields: Fields, name: str) -> str | None:
    return fields.required_name(name) if fields.has(name) else None
