"""Runs schemathesis against a daemon with the scripted model and an upstream, over real sockets."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codexd.wire.json import Json, encode
from tests.support.faulty_upstream import FaultyUpstream
from tests.support.live_daemon import Daemon, DaemonSetup

KEY = "fuzz-key"
ADMIN_KEY = "fuzz-admin-key"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
# A defect of codexd is status 500. The other ones are documented failures of a back end.
EXPECTED_STATUSES = ["2xx", "4xx", 502, 503, 504]
# Not TRACE: a method that no route has is a 501 (RFC 9110, 9.1), not a 405.
UNSUPPORTED_METHODS = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"]
SETTINGS = """
[http]
api_keys = ["fuzz-key"]
[admin]
api_keys = ["fuzz-admin-key"]
[codex]
model = "scripted"
[turns]
first_event_seconds = 5
idle_seconds = 5
total_seconds = 10
[[upstream]]
name = "other"
base_url = "URL"
prefix = "other/"
pass_through = ["moderations", "images", "audio"]
retries = 0
first_event_seconds = 5
idle_seconds = 5
breaker_failures = 1000
"""
MODELS = ("scripted", "other/torn", "other/embedder")


@contextmanager
def fuzzed_daemon() -> Iterator[Daemon]:
    """Run a daemon with a fast scripted model and an upstream."""
    upstream = FaultyUpstream()
    daemon = Daemon(DaemonSetup(settings=SETTINGS.replace("URL", upstream.url)))
    try:
        daemon.start().await_ready()
        yield daemon
    finally:
        daemon.discard()
        upstream.stop()


def fuzz(daemon: Daemon, *options: str) -> "subprocess.CompletedProcess[bytes]":
    """Run schemathesis with these options; its status is 0 if it found nothing."""
    folder = daemon.folder
    (folder / "openapi.json").write_bytes(encode(_with_models(daemon.get("/openapi.json").json)))
    (folder / "schemathesis.toml").write_text(
        f"[checks.not_a_server_error]\nexpected-statuses = {EXPECTED_STATUSES!r}\n"
        f"[phases.coverage]\nunexpected-methods = {UNSUPPORTED_METHODS!r}\n"
    )
    command = (
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file", str(folder / "schemathesis.toml"),
        "run", str(folder / "openapi.json"), "--url", f"http://127.0.0.1:{daemon.port}",
        "--header", f"authorization: Bearer {ADMIN_KEY}", "--checks", ",".join(CHECKS),
        "--request-timeout", "20", "--generation-database", "none", "--warnings", "off", "--no-color", *options,
    )  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CODEXD_")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)


def _with_models(description: Json) -> Json:
    """Let requests name models that exist, and no stored state: names at random would all be 404."""
    for name, schema in description["components"]["schemas"].items():
        if name.endswith(("Request", "Form")) and "model" in schema["properties"]:
            schema["properties"]["model"] = {"enum": list(MODELS)}
        for stored in ("previous_response_id", "conversation"):
            if stored in schema.get("properties", {}):
                schema["properties"][stored] = {"type": "null"}
    return description
