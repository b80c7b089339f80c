"""Handlers of `/v1/conversations` and what is under it."""

from attrs import frozen

from codexd.fronts import conversations, pagination
from codexd.http.dependencies import Dependencies
from codexd.http.request import Request
from codexd.http.response_headers import set_ignored_header
from codexd.neutral.fault import FaultError
from codexd.neutral.stored import StoredConversation, StoredItem


@frozen
class ConversationHandlers:
    """Create, show, change, delete.

    A conversation that does not exist, or is another caller's, is `conversation_not_found` everywhere; an item
    likewise `item_not_found`.
    """

    dependencies: Dependencies

    async def create(self, request: Request) -> bytes:
        """Create a conversation, with its first items if there are any.

        Raises:
            FaultError: for what is wrong with the body.
        """
        answers, options = self.dependencies.answers, self.dependencies.options(request)
        token, now = answers.token(), int(answers.now())
        conversation, added = await self.dependencies.bodies.decode_fully(
            request, lambda body: conversations.decode_new_conversation(body, options, token, now)
        )
        store = answers.store.for_request(request.context.id)
        await store.save_conversation(conversation, added.items)
        set_ignored_header(request, added.ignored)
        return request.send(200, conversations.render_conversation(conversation))

    async def show(self, request: Request, id: str) -> bytes:
        """Send a conversation."""
        return request.send(200, conversations.render_conversation(await self._load(request, id)))

    async def update(self, request: Request, id: str) -> bytes:
        """Change a conversation's metadata.

        Raises:
            FaultError: for what is wrong with the body.
        """
        stored = await self._load(request, id)
        changed = await self.dependencies.bodies.decode_fully(
            request, lambda body: conversations.decode_update(body, stored)
        )
        store = self.dependencies.answers.store.for_request(request.context.id)
        if not await store.update_conversation(changed):
            raise FaultError(conversations.conversation_not_found(id))
        return request.send(200, conversations.render_conversation(changed))

    async def delete(self, request: Request, id: str) -> bytes:
        """Delete a conversation; the responses that were created in it stay."""
        store = self.dependencies.answers.store.for_request(request.context.id)
        if not await store.delete_conversation(request.context.principal, id):
            raise FaultError(conversations.conversation_not_found(id))
        return request.send(200, conversations.render_deleted(id))

    async def items(self, request: Request, id: str) -> bytes:
        """List a conversation's items.

        Raises:
            FaultError: `wrong_value` for a query.
        """
        query = pagination.parse_page_query(request.query)
        return request.send(200, pagination.render_page(await self._load_items(request, id), query))

    async def append_items(self, request: Request, id: str) -> bytes:
        """Append items to a conversation.

        Raises:
            FaultError: for what is wrong with the body.
        """
        options, answers = self.dependencies.options(request), self.dependencies.answers
        before = await self._load_items(request, id)
        token = answers.token()
        added = await self.dependencies.bodies.decode_fully(
            request, lambda body: conversations.decode_new_items(body, options, token, before)
        )
        store = answers.store.for_request(request.context.id)
        if not await store.append_items(options.principal, id, added.items):
            raise FaultError(conversations.conversation_not_found(id))
        include = pagination.parse_page_query(request.query).include
        set_ignored_header(request, added.ignored)
        return request.send(200, pagination.render_list(added.items, include))

    async def item(self, request: Request, id: str, item_id: str) -> bytes:
        """Send one item."""
        include = pagination.parse_page_query(request.query).include
        for item in await self._load_items(request, id):
            if item.id == item_id:
                return request.send(200, conversations.render_item(item, include))
        raise FaultError(conversations.item_not_found(item_id))

    async def remove_item(self, request: Request, id: str, item_id: str) -> bytes:
        """Remove one item from a conversation and send the conversation."""
        conversation = await self._load(request, id)
        store = self.dependencies.answers.store.for_request(request.context.id)
        if not await store.remove_item(conversation.owner, id, item_id):
            raise FaultError(conversations.item_not_found(item_id))
        return request.send(200, conversations.render_conversation(conversation))

    async def _load(self, request: Request, id: str) -> StoredConversation:
        store = await self.dependencies.store(request)
        conversation = await store.load_conversation(request.context.principal, id)
        if conversation is None:
            raise FaultError(conversations.conversation_not_found(id))
        return conversation

    async def _load_items(self, request: Request, id: str) -> tuple[StoredItem, ...]:
        store = await self.dependencies.store(request)
        items = await store.load_conversation_items(request.context.principal, id)
        if items is None:
            raise FaultError(conversations.conversation_not_found(id))
        return items
