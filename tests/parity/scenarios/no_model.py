"""Requests that never reach a model: model list, probes, API keys, malformed requests."""

from typing import Final

from attrs import evolve

from tests.parity.private_server import MAX_BODY_BYTES
from tests.parity.scenario import CHAT, RESPONSES, Scenario, ScenarioRequest
from tests.parity.scenarios.completions import completions
from tests.parity.scenarios.request_bodies import chat, get, post, responses

_PLAIN: Final = chat("say: no")
_PREFLIGHT: Final = (
    ("Origin", "app://obsidian.md"),
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization, content-type, x-stainless-os"),
)


SCENARIOS: Final = (
    Scenario(name="list", about="the list of models", first=get("/v1/models")),
    Scenario(name="one", about="one model", first=get("/v1/models/scripted")),
    Scenario(name="unknown", about="a model that does not exist", first=get("/v1/models/no/such")),
    Scenario(name="live", about="the liveness probe, without an API key", first=get("/livez")),
    Scenario(name="ready", about="the readiness probe, without an API key", first=get("/readyz")),
    Scenario(name="health", about="both probes in one", first=get("/healthz")),
    Scenario(name="error-path", about="an unknown path", first=get("/v1/nowhere")),
    Scenario(
        name="error-embeddings",
        about="embeddings of a model that no upstream offers",
        first=post("/v1/embeddings", model="none-such", input="so"),
    ),
    Scenario(name="error-ollama", about="a probe of a client that expects Ollama", first=get("/api/tags")),
    Scenario(name="error-method", about="a method that the path does not support", first=get(CHAT)),
    Scenario(
        name="error-key", about="a wrong API key", first=evolve(_PLAIN, headers=(("Authorization", "Bearer sk-wrong"),))
    ),
    Scenario(name="error-too-large", about="a body that is too large", first=chat("x" * MAX_BODY_BYTES)),
    Scenario(
        name="error-media",
        about="a content type that is not JSON",
        first=evolve(_PLAIN, headers=(("Content-Type", "text/csv"),)),
    ),
    Scenario(
        name="error-encoding",
        about="an unknown content encoding",
        first=evolve(_PLAIN, headers=(("Content-Encoding", "rot13"),)),
    ),
    Scenario(
        name="error-json",
        about="a body that is not JSON",
        first=ScenarioRequest(path=CHAT, body=b'{"model": "scripted", '),
    ),
    Scenario(
        name="error-json",
        about="a body that is not JSON",
        first=ScenarioRequest(path=RESPONSES, body=b'{"model": "scripted", '),
    ),
    Scenario(name="error-object", about="a body that is not an object", first=ScenarioRequest(path=CHAT, body=b"[]")),
    Scenario(
        name="error-missing",
        about="a body without messages",
        first=ScenarioRequest.with_json(CHAT, {"model": "scripted"}),
    ),
    Scenario(
        name="error-missing",
        about="a body without an input",
        first=ScenarioRequest.with_json(RESPONSES, {"model": "scripted"}),
    ),
    Scenario(name="error-range", about="a parameter out of its range", first=chat("say: no", temperature=9)),
    Scenario(name="error-range", about="a parameter out of its range", first=responses("say: no", top_p=2)),
    Scenario(
        name="error-orphan",
        about="a tool result without its call",
        first=ScenarioRequest.with_json(
            CHAT,
            {"model": "scripted", "messages": [{"role": "tool", "tool_call_id": "call_1", "content": "so"}]},
        ),
    ),
    Scenario(
        name="error-orphan",
        about="a tool result without its call",
        first=ScenarioRequest.with_json(
            RESPONSES,
            {
                "model": "scripted",
                "input": [{"type": "function_call_output", "call_id": "call_1", "output": "so"}],
            },
        ),
    ),
    *(
        Scenario(
            name="error-stream-options",
            about="options of a stream, for a response that is not streamed",
            first=request("say: no", stream_options={"include_usage": True}),
        )
        for request in (chat, responses, completions)
    ),
    Scenario(
        name="error-item-type",
        about="items whose types do not exist, in an input and in a conversation",
        first=responses("", input=[{"type": "function_call_ouput", "call_id": "call_1", "output": "so"}]),
        then=(post("/v1/conversations", items=[{"type": "banana"}]),),
    ),
    Scenario(
        name="preflight",
        about="a CORS preflight request",
        first=ScenarioRequest(path=CHAT, method="OPTIONS", headers=_PREFLIGHT),
    ),
)
