"""Conversations and their items (`/v1/conversations`): made, shown, changed, deleted."""

from attrs import frozen

from codexd.fronts import conversations, pagination
from codexd.http.guard import Guard
from codexd.http.house import House
from codexd.http.request import Request
from codexd.neutral.fault import FaultError
from codexd.neutral.stored import StoredConversation, StoredItem


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
            FaultError: for what is wrong with the body.
        """
        terms = self.house.terms(self.guard.admit(request), request.getHeader)
        body, house = self.guard.body(request), self.house
        conversation, items = conversations.decode_new_conversation(body, terms, house.token(), int(house.now()))
        await house.store.save_conversation(conversation, items)
        return request.send(200, conversations.render_conversation(conversation))

    async def show(self, request: Request, id: str) -> bytes:
        """Show a conversation."""
        return request.send(200, conversations.render_conversation(await self._found(self.guard.admit(request), id)))

    async def update(self, request: Request, id: str) -> bytes:
        """Change a conversation's metadata.

        Raises:
            FaultError: for what is wrong with the body.
        """
        found = await self._found(self.guard.admit(request), id)
        changed = conversations.decode_update(self.guard.body(request), found)
        if not await self.house.store.update_conversation(changed):
            raise FaultError(conversations.conversation_not_found(id))
        return request.send(200, conversations.render_conversation(changed))

    async def delete(self, request: Request, id: str) -> bytes:
        """Delete a conversation; the answers that were given in it stay."""
        if not await self.house.store.delete_conversation(self.guard.admit(request), id):
            raise FaultError(conversations.conversation_not_found(id))
        return request.send(200, conversations.render_deleted(id))

    async def items(self, request: Request, id: str) -> bytes:
        """List a conversation's items.

        Raises:
            FaultError: `wrong_value` for a query.
        """
        owner = self.guard.admit(request)
        asked = pagination.parse_page_query(request.query)
        return request.send(200, pagination.render_page(await self._items(owner, id), asked))

    async def add(self, request: Request, id: str) -> bytes:
        """Add items at the end of a conversation.

        Raises:
            FaultError: for what is wrong with the body.
        """
        terms = self.house.terms(self.guard.admit(request), request.getHeader)
        before = await self._items(terms.principal, id)
        added = conversations.decode_new_items(self.guard.body(request), terms, self.house.token(), before)
        if not await self.house.store.append_items(terms.principal, id, added):
            raise FaultError(conversations.conversation_not_found(id))
        return request.send(200, pagination.render_list(added, pagination.parse_page_query(request.query).include))

    async def item(self, request: Request, id: str, item_id: str) -> bytes:
        """Show one item."""
        owner = self.guard.admit(request)
        include = pagination.parse_page_query(request.query).include
        for item in await self._items(owner, id):
            if item.id == item_id:
                return request.send(200, conversations.render_item(item, include))
        raise FaultError(conversations.item_not_found(item_id))

    async def take_out(self, request: Request, id: str, item_id: str) -> bytes:
        """Take an item out of a conversation, and show the conversation."""
        found = await self._found(self.guard.admit(request), id)
        if not await self.house.store.remove_item(found.owner, id, item_id):
            raise FaultError(conversations.item_not_found(item_id))
        return request.send(200, conversations.render_conversation(found))

    async def _found(self, owner: str, id: str) -> StoredConversation:
        store = await self.house.memory()
        found = await store.load_conversation(owner, id)
        if found is None:
            raise FaultError(conversations.conversation_not_found(id))
        return found

    async def _items(self, owner: str, id: str) -> tuple[StoredItem, ...]:
        store = await self.house.memory()
        found = await store.load_conversation_items(owner, id)
        if found is None:
            raise FaultError(conversations.conversation_not_found(id))
        return found
