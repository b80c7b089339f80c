"""Routes the requests that are passed on: to an upstream that is configured for them, by the model they name."""

from collections.abc import Callable, Iterable, Mapping

from attrs import frozen
from zope.interface import implementer

from codexd.context import RequestContext
from codexd.interfaces import IForwarder, IForwardingHandle, IForwardingReceiver, ModelCard
from codexd.neutral.fault import Fault, FaultError, fault
from codexd.neutral.forwarded import ForwardedRequest
from codexd.policy.fallback import RoutedAlias
from codexd.policy.model_prefixes import match_length


@frozen(kw_only=True)
class ForwardingEntry:
    """One upstream that requests can be passed on to.

    Attributes:
        name: the name that aliases refer to.
        prefix: the beginning of all its model names; aliases omit it.
        resources: the resources that it is configured for.
        models: returns its models.
        forwarder: forwards requests to it.
    """

    name: str
    prefix: str
    resources: tuple[str, ...]
    models: Callable[[], tuple[ModelCard, ...]]
    forwarder: IForwarder


@implementer(IForwarder)
class ForwardingRouter:
    """Sends each forwarded request to an upstream that is configured for its resource.

    Args:
        entries: the upstreams, in the order in which they are tried for a model that none of them lists.
        aliases: the aliases by name.
    """

    def __init__(self, entries: Iterable[ForwardingEntry], aliases: Mapping[str, RoutedAlias]) -> None:
        self._entries = tuple(entries)
        self._aliases = aliases

    def forward(
        self, model: str | None, request: ForwardedRequest, context: RequestContext, receiver: IForwardingReceiver
    ) -> IForwardingHandle:
        """Forward a request (IForwarder).

        Without a model the first upstream gets it. There is no fallback: results of other models differ.
        """
        entries = [entry for entry in self._entries if request.resource in entry.resources]
        if not entries:
            raise FaultError(_not_configured(request))
        alias = None if model is None else self._aliases.get(model)
        if alias is not None and alias.upstream is not None:
            entries = [entry for entry in entries if entry.name == alias.upstream]
            model = "".join(entry.prefix for entry in entries) + (alias.model or alias.name)
        message = f"The upstream of this model is not configured for {request.resource} (pass_through)."
        refusal = FaultError(fault("unsupported", message, param="model"))
        for entry in _likely_first(entries, model):
            try:
                return entry.forwarder.forward(model, request, context, receiver)
            except FaultError as refused:
                if refused.fault.kind not in ("unknown_model", "not_ready"):
                    raise
                if refusal.fault.kind != "not_ready":  # an upstream that is not ready may have the model
                    refusal = refused
        raise refusal


def _likely_first(entries: Iterable[ForwardingEntry], model: str | None) -> list[ForwardingEntry]:
    """Return those that list the model first, then those whose prefix it has, the longest one first."""
    if model is None:
        return list(entries)
    return sorted(
        entries,
        key=lambda entry: (
            not any(card.id == model for card in entry.models()),
            -match_length(entry.prefix, model),
        ),
    )


def _not_configured(request: ForwardedRequest) -> Fault:
    message = (
        f"No upstream of this server is configured for /v1/{request.path}. To pass such requests on, set"
        f' pass_through = ["{request.resource}"] in the [[upstream]] table of a server that has this endpoint.'
    )
    return fault("endpoint_not_configured", message)
