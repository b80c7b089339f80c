"""Debian's Prometheus over the rules of `etc/prometheus`, scraping every second; and its promtool."""

import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from codexd.wire.json import encode
from tests.support.http_client import free_port, request
from tests.support.processes import TIMEOUT_SECONDS, start, wait_until

ETC = Path(__file__).resolve().parents[2] / "etc"
FOLDER = ETC / "prometheus"
RULES = tuple(sorted((FOLDER / "rules").glob("*.yml")))
RULE_TESTS = tuple(sorted((FOLDER / "tests").glob("*.yml")))

MISSING = None if shutil.which("promtool") and shutil.which("prometheus") else "there is no Prometheus on this machine"
"""Why tests that need it are skipped; None if they are not."""


def read_alerts() -> dict[str, dict[str, Any]]:
    """Return the rules of the alerts by their names."""
    found = yaml.safe_load((FOLDER / "rules" / "alerts.yml").read_text(encoding="utf-8"))
    return {rule["alert"]: rule for group in found["groups"] for rule in group["rules"]}


def run_promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run promtool and return what it printed."""
    return subprocess.run(("promtool", *arguments), capture_output=True, text=True, check=False)


class PrometheusProcess:
    """One Prometheus with the configuration of `etc/prometheus`, for one codexd.

    Args:
        folder: where it keeps its configuration and data.
        target: the port of codexd.
        api_key: the API key with which it scrapes.
    """

    def __init__(self, folder: Path, target: int, api_key: str) -> None:
        self.port = free_port()
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(path) for path in RULES]
        (job,) = config["scrape_configs"]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
        job["authorization"] = {"credentials": api_key}
        file = folder / "prometheus.yml"
        file.write_bytes(encode(config))  # JSON is YAML, too.
        self._process = start(
            ("prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'prometheus'}",
             f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def await_ready(self) -> None:
        """Wait until it answers."""
        wait_until(self._is_ready, "Prometheus is ready")

    def _is_ready(self) -> bool:
        try:
            return request(self.port, "GET", "/-/ready").status == 200
        except OSError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate an expression now and return its series.

        Raises:
            AssertionError: with Prometheus' reason, if it is not valid.
        """
        answer = request(self.port, "GET", f"/api/v1/query?query={quote(expression)}").json
        if answer["status"] != "success":
            raise AssertionError(f"{expression}: {answer['error']}")
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def rules(self) -> list[dict[str, Any]]:
        """Return the state of all rules."""
        groups = request(self.port, "GET", "/api/v1/rules").json["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(TIMEOUT_SECONDS)
