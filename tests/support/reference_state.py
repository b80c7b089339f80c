"""A reference implementation of stored state in plain Python: responses, conversations, histories."""

from collections.abc import Iterator

from attrs import Factory, define

from codexd.wire.json import Json

RoleAndText = tuple[str, str]
"""The role (`user` or `assistant`) and the text of a message."""


@define(eq=False)
class ReferenceItem:
    """A message; `id` is None where the test does not know it."""

    content: RoleAndText
    id: str | None = None


@define(eq=False, kw_only=True)
class ReferenceConversation:
    """A conversation and its items, in order."""

    id: str
    owner: str
    metadata: dict[str, str]
    items: list[ReferenceItem]
    deleted: bool = False

    def add(self, items: list[ReferenceItem]) -> None:
        """Append the items that it does not hold yet, unless it is deleted."""
        ids = {item.id for item in self.items} - {None}
        if not self.deleted:
            self.items += [item for item in items if item.id not in ids]


@define(eq=False, kw_only=True)
class ReferenceResponse:
    """A response.

    Attributes:
        input: the items of its own request.
        full_text: the text that the model was asked to say.
        parent: the response that it continues.
        conversation: the conversation that it belongs to.
        snapshot: the items of the conversation at the time of the request.
        expected_input: what the model must have received, whatever is removed later.
        thread: the thread of its model while it runs.
    """

    id: str
    owner: str
    input: list[ReferenceItem]
    full_text: str
    background: bool = False
    parent: "ReferenceResponse | None" = None
    conversation: ReferenceConversation | None = None
    snapshot: list[ReferenceItem] = Factory(list)
    expected_input: list[RoleAndText] = Factory(list)
    thread: str | None = None
    status: str = "in_progress"
    output: list[ReferenceItem] = Factory(list)
    deleted: bool = False

    @property
    def before(self) -> list[ReferenceItem]:
        """The history before its own input, without items removed from the conversation since."""
        if self.parent is not None:
            return self.parent.history
        if self.conversation is not None:
            return [item for item in self.snapshot if item in self.conversation.items]
        return []

    @property
    def history(self) -> list[ReferenceItem]:
        """The history of a response that continues this one."""
        return [*self.before, *self.input, *self.output]

    def end(self, status: str, output: list[ReferenceItem]) -> None:
        """End with this status and output, and append the items to the conversation."""
        self.status, self.output, self.thread = status, output, None
        if self.conversation is not None:
            self.conversation.add([*self.input, *output])


@define
class ReferenceState:
    """All responses and conversations."""

    responses: list[ReferenceResponse] = Factory(list)
    conversations: list[ReferenceConversation] = Factory(list)

    @property
    def running(self) -> list[ReferenceResponse]:
        """The background responses that have not ended."""
        return [response for response in self.responses if response.thread is not None]

    @property
    def continuable(self) -> list[ReferenceResponse]:
        """The responses that a request may continue."""
        return [response for response in self.responses if response.thread is None and not response.deleted]

    @property
    def open_conversations(self) -> list[ReferenceConversation]:
        """The conversations that are not deleted."""
        return [conversation for conversation in self.conversations if not conversation.deleted]

    def request(
        self,
        owner: str,
        origin: ReferenceResponse | ReferenceConversation | None,
        reference_id: str | None,
        full_text: str,
        fields: Json,
    ) -> tuple[Json, ReferenceResponse | None]:
        """Build a request, and the response that it must get; None if the request must be refused.

        Args:
            owner: the client that sends the request.
            origin: the response or conversation to continue.
            reference_id: the id of an item that the input refers to.
            full_text: the text that the model is asked to say; unique.
            fields: further members of the body.
        """
        body = {"model": "scripted", **fields, "input": [user(f"say: {full_text}")]}
        response = ReferenceResponse(
            id="", owner=owner, input=[], full_text=full_text, background="background" in fields
        )
        valid = reference_id is None or any(item.id == reference_id for item in self._accessible_items(owner))
        if reference_id is not None:
            body["input"].insert(0, {"type": "item_reference", "id": reference_id})
        if isinstance(origin, ReferenceResponse):
            body["previous_response_id"], response.parent = origin.id, origin
            valid = valid and origin in self.continuable and origin.owner == owner
        elif isinstance(origin, ReferenceConversation):
            body["conversation"], response.conversation, response.snapshot = (
                origin.id,
                origin,
                list(origin.items),
            )
            valid = valid and origin in self.open_conversations and origin.owner == owner and "store" not in fields
        response.input = [
            *self._resolve_reference(reference_id, response.before),
            ReferenceItem(("user", f"say: {full_text}")),
        ]
        response.expected_input = contents([*response.before, *response.input])
        return body, response if valid else None

    def _resolve_reference(self, id: str | None, before: list[ReferenceItem]) -> list[ReferenceItem]:
        """Return the item with this id; without its id if the history already holds it."""
        if id is None:
            return []
        matches = [item for one in self.responses for item in one.output if item.id == id]
        return [ReferenceItem(matches[0].content, None if any(item.id == id for item in before) else id)]

    def _accessible_items(self, owner: str) -> Iterator[ReferenceItem]:
        for response in self.responses:
            if response.owner == owner and not response.deleted:
                yield from (*response.input, *response.output)
        for conversation in self.conversations:
            if conversation.owner == owner and not conversation.deleted:
                yield from conversation.items


def user(text: str) -> Json:
    """Build a user message."""
    return {"type": "message", "role": "user", "content": text}


def contents(items: list[ReferenceItem]) -> list[RoleAndText]:
    """Return the roles and texts of items."""
    return [item.content for item in items]
