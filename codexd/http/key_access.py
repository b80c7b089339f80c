"""Applies the policy of a request's API key: endpoints, models, rates, tokens and budgets."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from attrs import evolve, frozen
from twisted.logger import Logger

from codexd.http.request import Request
from codexd.interfaces import ModelCard
from codexd.neutral.fault import FaultError, fault
from codexd.neutral.turn import Turn
from codexd.observe.metrics import Metrics
from codexd.policy.key_meter import DEFAULT_OUTPUT_TOKENS, Charge, KeyMeters
from codexd.policy.key_policy import KeyPolicy, allows_endpoint
from codexd.policy.model_access import ModelAccess

_FREE_FAMILIES: Final = frozenset(("models", "metrics"))
"""The families whose requests do not count: they do no work."""

REFUSALS: Final = {
    "endpoint_not_allowed": "endpoint",
    "model_not_allowed": "model",
    "key_request_limit": "requests",
    "key_token_limit": "tokens",
    "key_request_too_large": "tokens",
    "key_budget_exhausted": "budget",
    "key_background_limit": "background",
    "key_turn_limit": "turns",
}
"""The kinds of faults by which a policy refuses a request, and the reason of each in the metrics."""


@frozen(kw_only=True)
class KeyAccess:
    """Decides what the key of a request may do. A key without a name has no limits.

    Attributes:
        meters: of the keys with a name.
        models: which models a key may use.
        list_models: returns the models that the key of a policy can reach.
        metrics: counts requests and refusals.
    """

    meters: KeyMeters
    models: ModelAccess
    list_models: Callable[[KeyPolicy], tuple[ModelCard, ...]]
    metrics: Metrics

    _log = Logger()

    def admit(self, request: Request, family: str) -> None:
        """Count an authenticated request, and refuse it if its key may not use the endpoint or not so often.

        Args:
            request: with its context.
            family: of the endpoint (`codexd.policy.key_policy.FAMILIES`).

        Raises:
            FaultError: `endpoint_not_allowed`, `key_request_limit`.
        """
        policy = request.context.policy
        meter = self.meters.find(policy.name) if policy.name else None
        if meter is None:
            return
        self.metrics.count_key_request(policy.name)
        request.charge = Charge(meter)
        request.context = evolve(request.context, charge=request.charge)
        if not allows_endpoint(policy, family):
            raise FaultError(fault("endpoint_not_allowed", f"This API key may not use the endpoints of '{family}'."))
        if family not in _FREE_FAMILIES:
            meter.admit_request()

    def check_model(self, policy: KeyPolicy, model: str | None) -> None:
        """Refuse a model that the key may not use; None if the request names none.

        Raises:
            FaultError: `model_not_allowed`.
        """
        self.models.check(policy, model, partial(self.list_models, policy))

    def reserve_turns(self, request: Request, turns: Iterable[Turn]) -> None:
        """Reserve the expected tokens of all choices of a request.

        Raises:
            FaultError: as `KeyMeter.reserve`.
        """
        charge = request.charge
        if charge is None or not charge.meter.limits_tokens:
            return
        input_tokens = output_tokens = 0
        for turn in turns:
            input_tokens += charge.input_tokens(turn)
            limit = turn.sampling.max_tokens
            output_tokens += DEFAULT_OUTPUT_TOKENS if limit is None else limit
        self._reserve(charge, input_tokens, output_tokens)

    def reserve_tokens(self, request: Request, input_tokens: int) -> None:
        """Reserve the expected tokens of a request without output.

        Raises:
            FaultError: as `KeyMeter.reserve`.
        """
        if request.charge is not None:
            self._reserve(request.charge, input_tokens, 0)

    def _reserve(self, charge: Charge, input_tokens: int, output_tokens: int) -> None:
        try:
            charge.reserve(input_tokens, output_tokens)
        except FaultError:
            for budget in charge.meter.report_used_budgets():
                self._log.warn(
                    "Key {key} has used up its budget: {used} of {budget} tokens a {period}, until {resets}",
                    event="key_budget_exhausted",
                    key=charge.meter.policy.name,
                    period=budget.kind,
                    used=budget.spent,
                    budget=budget.limit,
                    resets=budget.resets,
                )
            raise
