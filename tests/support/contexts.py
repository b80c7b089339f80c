"""Builds request contexts for tests that call a back end without HTTP."""

from attrs import evolve

from codexd.context import RequestContext, RequestRecord
from codexd.policy.key_meter import Charge, KeyMeter, KeyMeters
from codexd.policy.key_policy import KeyPolicy
from codexd.policy.provider_charge import ProviderCharge

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def context(id: str = "req_test", deadline: float | None = None, principal: str = "someone") -> RequestContext:
    """Return the context of a new request."""
    record = RequestRecord(id=id, principal=principal)
    return RequestContext(id=id, principal=principal, traceparent=TRACEPARENT, deadline=deadline, record=record)


def metered_context() -> tuple[RequestContext, ProviderCharge, KeyMeter]:
    """Return the context that a back end gets for a request of a key with a name, its charge, and the key's meter."""
    meters = KeyMeters(lambda: 0.0, lambda: 0.0)
    meters.apply([KeyPolicy(name="alice")])
    meter = meters.find("alice")
    assert meter is not None
    request = context(principal="alice")
    charge = ProviderCharge(request.record, Charge(meter))
    return evolve(request, charge=charge.request, provider_charge=charge), charge, meter
