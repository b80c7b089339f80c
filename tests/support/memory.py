"""What a codexd must remember, in plain Python: answers, conversations, and which history each one had."""

from collections.abc import Iterator

from attrs import Factory, define

from codexd.wire.json import Json

Said = tuple[str, str]
"""Who says it (`user`, `assistant`), and what."""


@define(eq=False)
class Item:
    """One message; `id` is None where nobody has to know it."""

    said: Said
    id: str | None = None


@define(eq=False)
class Room:
    """A conversation."""

    id: str
    owner: str
    metadata: dict[str, str]
    items: list[Item]
    gone: bool = False

    def add(self, items: list[Item]) -> None:
        """Put items at its end, unless they are in it or it is no more."""
        held = {item.id for item in self.items} - {None}
        if not self.gone:
            self.items += [item for item in items if item.id not in held]


@define(eq=False)
class Answer:
    """One answer.

    Attributes:
        own: what its own request said.
        whole: the text that its model was to say.
        parent: the answer it goes on from.
        room: the conversation it was given in.
        found: what was in that, when it was asked.
        shown: what its model must have been shown, whatever is taken out later.
        thread: where its model is, while it runs.
        told: the output.
    """

    id: str
    owner: str
    own: list[Item]
    whole: str
    background: bool = False
    parent: "Answer | None" = None
    room: Room | None = None
    found: list[Item] = Factory(list)
    shown: list[Said] = Factory(list)
    thread: str | None = None
    status: str = "in_progress"
    told: list[Item] = Factory(list)
    gone: bool = False

    @property
    def before(self) -> list[Item]:
        """What came before its own input: in a conversation, what has not been taken out since."""
        if self.parent is not None:
            return self.parent.history
        if self.room is not None:
            return [item for item in self.found if item in self.room.items]
        return []

    @property
    def history(self) -> list[Item]:
        """All that one goes on from that goes on from it."""
        return [*self.before, *self.own, *self.told]

    def end(self, status: str, told: list[Item]) -> None:
        """Be over."""
        self.status, self.told, self.thread = status, told, None
        if self.room is not None:
            self.room.add([*self.own, *told])


@define
class Memory:
    """All that is to be remembered."""

    answers: list[Answer] = Factory(list)
    rooms: list[Room] = Factory(list)

    @property
    def running(self) -> list[Answer]:
        """Those in the background that are not over."""
        return [answer for answer in self.answers if answer.thread is not None]

    @property
    def fit(self) -> list[Answer]:
        """Those that can be gone on from."""
        return [answer for answer in self.answers if answer.thread is None and not answer.gone]

    @property
    def open(self) -> list[Room]:
        """Conversations that can be gone on with."""
        return [room for room in self.rooms if not room.gone]

    def request(
        self, owner: str, origin: Answer | Room | None, named: str | None, whole: str, fields: Json
    ) -> tuple[Json, Answer | None]:
        """Make a request, and the answer that it must get, unless it must be refused.

        Args:
            owner: who asks.
            origin: what it is to go on from.
            named: the id of an item that it refers to.
            whole: what the model is to say, like nothing else.
            fields: of the body, further ones.
        """
        body = {"model": "scripted", **fields, "input": [user(f"say: {whole}")]}
        answer = Answer("", owner, [], whole, background="background" in fields)
        fine = named is None or any(item.id == named for item in self._held(owner))
        if named is not None:
            body["input"].insert(0, {"type": "item_reference", "id": named})
        if isinstance(origin, Answer):
            body["previous_response_id"], answer.parent = origin.id, origin
            fine = fine and origin in self.fit and origin.owner == owner
        elif isinstance(origin, Room):
            body["conversation"], answer.room, answer.found = origin.id, origin, list(origin.items)
            fine = fine and origin in self.open and origin.owner == owner and "store" not in fields
        answer.own = [*self._referred(named, answer.before), Item(("user", f"say: {whole}"))]
        answer.shown = said([*answer.before, *answer.own])
        return body, answer if fine else None

    def _referred(self, id: str | None, before: list[Item]) -> list[Item]:
        """Give what a reference becomes: the item, by another id where its own is taken."""
        if id is None:
            return []
        found = [item for one in self.answers for item in one.told if item.id == id]
        return [Item(found[0].said, None if any(item.id == id for item in before) else id)]

    def _held(self, owner: str) -> Iterator[Item]:
        for answer in self.answers:
            if answer.owner == owner and not answer.gone:
                yield from (*answer.own, *answer.told)
        for room in self.rooms:
            if room.owner == owner and not room.gone:
                yield from room.items


def user(text: str) -> Json:
    """Make a user message."""
    return {"type": "message", "role": "user", "content": text}


def said(items: list[Item]) -> list[Said]:
    """Give what items say."""
    return [item.said for item in items]
