"""What happens around the answers: models, probes, keys, and requests that never reach a model."""

from typing import Final

from attrs import evolve

from tests.parity.scenario import CHAT, RESPONSES, Ask, Scenario
from tests.parity.scenarios.bodies import chat, get, responses
from tests.parity.stage import MOST_BODY_BYTES

_PLAIN: Final = chat("say: no")
_PREFLIGHT: Final = (
    ("Origin", "app://obsidian.md"),
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization, content-type, x-stainless-os"),
)


SCENARIOS: Final = (
    Scenario("list", "the list of models", get("/v1/models")),
    Scenario("one", "one model", get("/v1/models/scripted")),
    Scenario("unknown", "a model that does not exist", get("/v1/models/no/such")),
    Scenario("live", "liveness, which asks for no key", get("/livez")),
    Scenario("ready", "readiness, which asks for no key", get("/readyz")),
    Scenario("health", "both probes in one", get("/healthz")),
    Scenario("error-path", "a path that leads nowhere", get("/v1/nowhere")),
    Scenario("error-method", "a method the path does not have", get(CHAT)),
    Scenario("error-key", "a wrong API key", evolve(_PLAIN, headers=(("Authorization", "Bearer sk-wrong"),))),
    Scenario("error-too-large", "a body that is too large", chat("x" * MOST_BODY_BYTES)),
    Scenario(
        "error-media",
        "a content type that is not JSON",
        evolve(_PLAIN, headers=(("Content-Type", "text/csv"),)),
    ),
    Scenario(
        "error-encoding",
        "a content encoding nobody knows",
        evolve(_PLAIN, headers=(("Content-Encoding", "rot13"),)),
    ),
    Scenario("error-json", "a body that is not JSON", Ask(CHAT, b'{"model": "scripted", ')),
    Scenario("error-json", "a body that is not JSON", Ask(RESPONSES, b'{"model": "scripted", ')),
    Scenario("error-object", "a body that is no object", Ask(CHAT, b"[]")),
    Scenario("error-missing", "a body without messages", Ask.saying(CHAT, {"model": "scripted"})),
    Scenario("error-missing", "a body without an input", Ask.saying(RESPONSES, {"model": "scripted"})),
    Scenario("error-range", "a parameter out of its range", chat("say: no", temperature=9)),
    Scenario("error-range", "a parameter out of its range", responses("say: no", top_p=2)),
    Scenario(
        "error-orphan",
        "a result for a call that was never made",
        Ask.saying(
            CHAT,
            {"model": "scripted", "messages": [{"role": "tool", "tool_call_id": "call_1", "content": "so"}]},
        ),
    ),
    Scenario(
        "error-orphan",
        "a result for a call that was never made",
        Ask.saying(
            RESPONSES,
            {
                "model": "scripted",
                "input": [{"type": "function_call_output", "call_id": "call_1", "output": "so"}],
            },
        ),
    ),
    Scenario(
        "preflight", "a browser asks whether it may ask", Ask(CHAT, method="OPTIONS", headers=_PREFLIGHT)
    ),
)
