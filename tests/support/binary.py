"""The pinned Codex binary, asked about itself: offline, without an account, in a home of its own."""

import os
import subprocess
from pathlib import Path

import codex_cli_bin


def says(home: Path, *arguments: str) -> bytes:
    """Run the binary once and give what it prints."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": os.defpath, "HOME": str(home), "CODEX_HOME": str(home)}
    command = [str(codex_cli_bin.bundled_codex_path()), *arguments]
    return subprocess.run(command, check=True, capture_output=True, env=environment).stdout
