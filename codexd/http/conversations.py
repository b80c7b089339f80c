"""Conversations and their items (`/v1/conversations`): made, shown, changed, deleted."""

from attrs import frozen

from codexd.fronts import conversations, listing
from codexd.http.guard import Guard
from codexd.http.house import House
from codexd.http.request import Request
from codexd.neutral.fault import Refused
from codexd.neutral.kept import KeptConversation, KeptItem


@frozen
class Conversations:
    """Sees to requests about conversations.

    What is not there, or is somebody else's, is `conversation_not_found` or `item_not_found` everywhere.

    Attributes:
        guard: tells who asks and reads bodies.
        house: where the store is.
    """

    guard: Guard
    house: House

    async def create(self, request: Request) -> bytes:
        """Make a conversation, perhaps with its first items.

        Raises:
            Refused: for what is wrong with the body.
        """
        terms = self.house.terms(self.guard.admit(request), request.getHeader)
        body, house = self.guard.body(request), self.house
        conversation, items = conversations.create(body, terms, house.token(), int(house.now()))
        await house.store.converse(conversation, items)
        return request.send(200, conversations.shown(conversation))

    async def show(self, request: Request, id: str) -> bytes:
        """Show a conversation."""
        return request.send(200, conversations.shown(await self._found(self.guard.admit(request), id)))

    async def update(self, request: Request, id: str) -> bytes:
        """Change a conversation's metadata.

        Raises:
            Refused: for what is wrong with the body.
        """
        found = await self._found(self.guard.admit(request), id)
        changed = conversations.update(self.guard.body(request), found)
        if not await self.house.store.amend(changed):
            raise Refused(conversations.unknown(id))
        return request.send(200, conversations.shown(changed))

    async def delete(self, request: Request, id: str) -> bytes:
        """Delete a conversation; the answers that were given in it stay."""
        if not await self.house.store.end_conversation(self.guard.admit(request), id):
            raise Refused(conversations.unknown(id))
        return request.send(200, conversations.deleted(id))

    async def items(self, request: Request, id: str) -> bytes:
        """List a conversation's items.

        Raises:
            Refused: `wrong_value` for a query.
        """
        owner = self.guard.admit(request)
        asked = listing.window(request.query)
        return request.send(200, listing.page(await self._items(owner, id), asked))

    async def add(self, request: Request, id: str) -> bytes:
        """Add items at the end of a conversation.

        Raises:
            Refused: for what is wrong with the body.
        """
        terms = self.house.terms(self.guard.admit(request), request.getHeader)
        before = await self._items(terms.principal, id)
        added = conversations.add(self.guard.body(request), terms, self.house.token(), before)
        if not await self.house.store.add(terms.principal, id, added):
            raise Refused(conversations.unknown(id))
        return request.send(200, listing.listed(added, listing.window(request.query).include))

    async def item(self, request: Request, id: str, item_id: str) -> bytes:
        """Show one item."""
        owner = self.guard.admit(request)
        include = listing.window(request.query).include
        for item in await self._items(owner, id):
            if item.id == item_id:
                return request.send(200, conversations.item(item, include))
        raise Refused(conversations.unknown_item(item_id))

    async def take_out(self, request: Request, id: str, item_id: str) -> bytes:
        """Take an item out of a conversation, and show the conversation."""
        found = await self._found(self.guard.admit(request), id)
        if not await self.house.store.take_out(found.owner, id, item_id):
            raise Refused(conversations.unknown_item(item_id))
        return request.send(200, conversations.shown(found))

    async def _found(self, owner: str, id: str) -> KeptConversation:
        store = await self.house.memory()
        found = await store.conversation(owner, id)
        if found is None:
            raise Refused(conversations.unknown(id))
        return found

    async def _items(self, owner: str, id: str) -> tuple[KeptItem, ...]:
        store = await self.house.memory()
        found = await store.conversation_items(owner, id)
        if found is None:
            raise Refused(conversations.unknown(id))
        return found
