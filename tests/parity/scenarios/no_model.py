"""Requests that never reach a model: model list, probes, API keys, malformed requests."""

from typing import Final

from attrs import evolve

from tests.parity.private_server import MAX_BODY_BYTES
from tests.parity.scenario import CHAT, RESPONSES, Scenario, ScenarioRequest
from tests.parity.scenarios.request_bodies import chat, get, responses

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
    Scenario("live", "the liveness probe, without an API key", get("/livez")),
    Scenario("ready", "the readiness probe, without an API key", get("/readyz")),
    Scenario("health", "both probes in one", get("/healthz")),
    Scenario("error-path", "an unknown path", get("/v1/nowhere")),
    Scenario("error-method", "a method that the path does not support", get(CHAT)),
    Scenario("error-key", "a wrong API key", evolve(_PLAIN, headers=(("Authorization", "Bearer sk-wrong"),))),
    Scenario("error-too-large", "a body that is too large", chat("x" * MAX_BODY_BYTES)),
    Scenario(
        "error-media",
        "a content type that is not JSON",
        evolve(_PLAIN, headers=(("Content-Type", "text/csv"),)),
    ),
    Scenario(
        "error-encoding",
        "an unknown content encoding",
        evolve(_PLAIN, headers=(("Content-Encoding", "rot13"),)),
    ),
    Scenario("error-json", "a body that is not JSON", ScenarioRequest(path=CHAT, body=b'{"model": "scripted", ')),
    Scenario(
        "error-json",
        "a body that is not JSON",
        ScenarioRequest(path=RESPONSES, body=b'{"model": "scripted", '),
    ),
    Scenario("error-object", "a body that is not an object", ScenarioRequest(path=CHAT, body=b"[]")),
    Scenario("error-missing", "a body without messages", ScenarioRequest.with_json(CHAT, {"model": "scripted"})),
    Scenario(
        "error-missing",
        "a body without an input",
        ScenarioRequest.with_json(RESPONSES, {"model": "scripted"}),
    ),
    Scenario("error-range", "a parameter out of its range", chat("say: no", temperature=9)),
    Scenario("error-range", "a parameter out of its range", responses("say: no", top_p=2)),
    Scenario(
        "error-orphan",
        "a tool result without its call",
        ScenarioRequest.with_json(
            CHAT,
            {"model": "scripted", "messages": [{"role": "tool", "tool_call_id": "call_1", "content": "so"}]},
        ),
    ),
    Scenario(
        "error-orphan",
        "a tool result without its call",
        ScenarioRequest.with_json(
            RESPONSES,
            {
                "model": "scripted",
                "input": [{"type": "function_call_output", "call_id": "call_1", "output": "so"}],
            },
        ),
    ),
    Scenario(
        "preflight",
        "a CORS preflight request",
        ScenarioRequest(path=CHAT, method="OPTIONS", headers=_PREFLIGHT),
    ),
)
