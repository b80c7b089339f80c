"""Handlers of the playground: its form, and the answer as a page or as a stream for its script."""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve, frozen
from twisted.internet.defer import Deferred

from codexd.fronts.openai import CHAT
from codexd.http.handlers.create import CreateHandlers
from codexd.http.handlers.page import PageHandlers
from codexd.http.page_access import Visitor
from codexd.http.page_response import record_fault, send_page, wants_events
from codexd.http.request import Request
from codexd.http.response_writer import BodyWriter
from codexd.http.sse_writer import SseWriter
from codexd.neutral.fault import Fault, FaultError
from codexd.page.html import Layout
from codexd.page.playground import PATH, PlaygroundView, answer_facts, playground_page
from codexd.page.playground_form import (
    PlaygroundForm,
    add_answer,
    complete_messages,
    decode_form,
    encode_chat_body,
)
from codexd.wire import json

_SCRIPTED: Final = "scripted"
_HINT: Final = (
    'Codex is not logged in, so a scripted model answers: say: hello, think: why, call: weather {"city": "Oslo"},'
    " slow: 40, or anything else, which it repeats."
)


@frozen(kw_only=True)
class PlaygroundHandlers:
    """Let people talk to the models without a client.

    Attributes:
        page: has the layout of the pages.
        create: answers requests of the API.
    """

    page: PageHandlers
    create: CreateHandlers

    def show(self, request: Request, visitor: Visitor) -> bytes:
        """Answer `GET /status/playground`."""
        models = self._models(request)
        view = PlaygroundView(form=PlaygroundForm(model=models[0] if models else ""), models=models)
        return send_page(request, playground_page(self._layout(visitor), _with_hint(view)))

    def ask(self, request: Request, visitor: Visitor, fields: Mapping[str, str]) -> "Deferred[bytes | None] | bytes":
        """Answer `POST /status/playground`, with a stream for the script and with a page for browsers without it.

        Raises:
            FaultError: for the script, for whatever is wrong with the form or the request.
        """
        self.create.dependencies.keys.admit(request, "chat")
        if wants_events(request):
            request.dialect = CHAT
            body = encode_chat_body(complete_messages(decode_form(fields)), stream=True)
            return self.create.create_from(request, CHAT, body, SseWriter(request))
        layout, models = self._layout(visitor), self._models(request)
        form = PlaygroundForm(model=fields.get("model", ""))

        def refuse(refused: Fault) -> bytes:
            record_fault(request, refused)
            view = PlaygroundView(form=form, models=models, problem=refused.message)
            return send_page(request, playground_page(layout, _with_hint(view)), refused.status)

        try:
            form = decode_form(fields)
            completed = complete_messages(form)
            writer = PlaygroundWriter(request, layout, models, completed, refuse)
            body = encode_chat_body(completed, stream=False)
            return self.create.create_from(request, CHAT, body, writer)
        except FaultError as error:
            return refuse(error.fault)

    def _layout(self, visitor: Visitor) -> Layout:
        return evolve(self.page.layout(visitor, "Playground", PATH), script=True)

    def _models(self, request: Request) -> tuple[str, ...]:
        dependencies = self.create.dependencies
        cards = dependencies.keys.models.visible(request.context.policy, dependencies.answers.backend.models())
        return tuple(card.id for card in cards)


class PlaygroundWriter(BodyWriter):
    """Writes the answer as a page, for browsers without the script.

    Args:
        request: the request.
        layout: of the page.
        models: that may be asked.
        form: with the message that was sent.
        refuse: renders the page of a failure, with the form as it was filled in.
    """

    def __init__(
        self,
        request: Request,
        layout: Layout,
        models: tuple[str, ...],
        form: PlaygroundForm,
        refuse: Callable[[Fault], bytes],
    ) -> None:
        super().__init__(request)
        self._layout, self._models, self._form, self._refuse = layout, models, form, refuse

    def send(self, body: bytes, ignored: tuple[str, ...]) -> None:
        """Send the page with the answer (IBodyWriter)."""
        self._request.record.ignored = ignored
        answer = json.decode(body)
        choice = answer["choices"][0]
        view = PlaygroundView(
            form=add_answer(self._form, choice["message"]),
            models=self._models,
            reasoning=choice["message"].get("reasoning_content") or "",
            facts=answer_facts(answer.get("usage"), choice["finish_reason"]),
        )
        self.done.callback(send_page(self._request, playground_page(self._layout, _with_hint(view))))

    def refuse(self, fault: Fault) -> None:
        """Send the page with the failure (IResponseWriter)."""
        self.done.callback(self._refuse(fault))


def _with_hint(view: PlaygroundView) -> PlaygroundView:
    """Add how the scripted model is used, if it is the only one."""
    return evolve(view, hint=_HINT) if view.models == (_SCRIPTED,) else view
