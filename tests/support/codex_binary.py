"""Runs the pinned Codex binary once: offline, without an account, in its own home."""

import os
import subprocess
from pathlib import Path

import codex_cli_bin


def run_codex(home: Path, *arguments: str) -> bytes:
    """Run the binary and return its output."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": os.defpath, "HOME": str(home), "CODEX_HOME": str(home)}
    command = [str(codex_cli_bin.bundled_codex_path()), *arguments]
    return subprocess.run(command, check=True, capture_output=True, env=environment).stdout
