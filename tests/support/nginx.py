"""The shipped nginx configuration in front of a daemon, with TLS."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.support.http_client import free_port
from tests.support.processes import TIMEOUT_SECONDS, start, wait_until
from tests.support.provider_process import ROOT
from tests.support.tls_proxy import create_authority

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
CONFIG = ROOT / "etc" / "compose" / "nginx.conf"


class Nginx:
    """A process of the real nginx.

    Attributes:
        port: where it listens.
        certificate: the file that a client must trust.
    """

    def __init__(self, folder: Path, upstream_port: int) -> None:
        assert PROGRAM is not None
        self.port = free_port()
        authority = create_authority()
        self.certificate = folder / "tls.crt"
        self.certificate.write_text(authority.pem)
        (folder / "tls.key").write_bytes(authority.secret)
        self._config = folder / "nginx.conf"
        self._config.write_text(self._adapt(CONFIG.read_text(), folder, upstream_port))
        self._log = folder / "nginx.log"

    def _adapt(self, text: str, folder: Path, upstream_port: int) -> str:
        """Replace the addresses and directories of the image by those of the test."""
        replacements = {
            "/tmp/": f"{folder}/",
            "/etc/nginx/tls/": f"{folder}/",
            "server codexd:11435": f"server 127.0.0.1:{upstream_port}",
            "listen 8443": f"listen 127.0.0.1:{self.port}",
        }
        return re.sub("|".join(replacements), lambda match: replacements[match[0]], text)

    def check(self) -> str:
        """Let nginx check the configuration, and return what it prints."""
        assert PROGRAM is not None
        run = subprocess.run([PROGRAM, "-t", "-c", str(self._config)], capture_output=True, text=True, check=False)
        return run.stderr

    def start(self) -> "Nginx":
        """Start it, and wait until it listens."""
        assert PROGRAM is not None
        with self._log.open("ab") as log:
            command = (PROGRAM, "-c", str(self._config), "-g", "daemon off;")
            self._process = start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        pid = self._config.with_name("nginx.pid")
        wait_until(lambda: self._process.poll() is not None or pid.exists(), "nginx has started")
        assert self._process.poll() is None, self._log.read_text()
        return self

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(TIMEOUT_SECONDS)
