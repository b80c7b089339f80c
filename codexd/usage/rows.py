"""Builds the rows of the ledger from the records of finished requests."""

from collections.abc import Iterator
from typing import Final

from attrs import define, evolve, field

from codexd.context import CLIENT_DISCONNECTED, OK, SLOW_CLIENT, RequestRecord, UsageCharge, sum_tokens
from codexd.neutral.event import Usage
from codexd.neutral.usage import DAY_SECONDS, OTHER_MODEL, UsageRow

MAX_MODELS: Final = 500
"""The most model names of one key in a day; clients can make names up, and some servers accept any name."""

_NO_ERRORS: Final = frozenset((OK, CLIENT_DISCONNECTED, SLOW_CLIENT, "cancelled"))
"""Outcomes that are no failures: the client ended the request, or did not read its response."""

_NO_MODELS: Final = frozenset(("unknown_model", "model_not_allowed"))
"""Outcomes of requests for models that do not exist for the client."""


@define(eq=False)
class ModelNames:
    """The names of the models that each key has used today (UTC)."""

    _day: int = 0
    _names: dict[str, set[str]] = field(factory=dict)

    def admit(self, key: str, model: str, time: int) -> str:
        """Return the name, or `other` if the key has used too many names today."""
        day = time // DAY_SECONDS
        if day != self._day:
            self._day, self._names = day, {}
        names = self._names.setdefault(key, set())
        if model not in names and len(names) >= MAX_MODELS:
            return OTHER_MODEL
        names.add(model)
        return model


def build_rows(record: RequestRecord, time: int, names: ModelNames) -> Iterator[UsageRow]:
    """Build the rows of a finished request that asked for a model; their numbers are 0.

    Args:
        record: of the request, or of a background response.
        time: when it ended, in Unix seconds.
        names: the names of models that the ledger has already.
    """
    if not record.principal or not (record.model or record.backend or record.charges):
        return
    is_request = record.method != "background"
    row = UsageRow(
        number=0,
        time=time,
        request=record.id,
        key=record.principal,
        model=_model(record, time, names),
        endpoint=record.route,
        backend=record.backend,
        outcome=record.outcome,
        requests=int(is_request),
        errors=int(record.outcome not in _NO_ERRORS),
        usage=Usage(),
    )
    for backend, usage in _group(record.charges) or ((record.backend, Usage()),):
        yield evolve(row, backend=backend, usage=usage)
        row = evolve(row, requests=0, errors=0)


def build_late_row(record: RequestRecord, charge: UsageCharge, time: int, names: ModelNames) -> UsageRow:
    """Build the row of what a request has used after it was reported."""
    late = evolve(record, charges=[charge], on_late_charge=None)
    return evolve(next(build_rows(late, time, names)), requests=0, errors=0)


def _model(record: RequestRecord, time: int, names: ModelNames) -> str:
    exists = record.charges or (record.backend and record.outcome not in _NO_MODELS)
    return names.admit(record.principal, record.model, time) if exists and record.model else ""


def _group(charges: list[UsageCharge]) -> list[tuple[str, Usage]]:
    """Return the usage by back end; what is estimated is separate."""
    groups: dict[tuple[str, bool], list[Usage]] = {}
    for charge in charges:
        groups.setdefault((charge.backend, charge.usage.estimated), []).append(charge.usage)
    return [(backend, _add(usages, estimated)) for (backend, estimated), usages in groups.items()]


def _add(usages: list[Usage], estimated: bool) -> Usage:
    input_tokens, cached_tokens, cache_write_tokens, output_tokens, reasoning_tokens = sum_tokens(usages)
    return Usage(
        input_tokens=input_tokens,
        cached_tokens=cached_tokens,
        cache_write_tokens=cache_write_tokens,
        output_tokens=output_tokens,
        reasoning_tokens=reasoning_tokens,
        estimated=estimated,
    )
