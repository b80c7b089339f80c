"""Runs the code blocks of one page, in their order, as a reader would who has just cloned the project.

The page has a folder in which the project's files are links, a home, and a daemon over the scripted model: the one that
all pages share, or, if a block of the page starts one (`<!-- daemon -->`), that one.
"""

import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from codex_cli_bin import bundled_codex_path

from codexd.wire import json
from tests.documentation.blocks import DAEMON, FILE, NOT_RUN, OUTPUT, ROOT, RUN_BY, STATUS, Block
from tests.documentation.comparison import find_difference, matches_text
from tests.documentation.excerpts import excerpt_file, is_new_file
from tests.documentation.rules import find_problem
from tests.documentation.shell import Shell
from tests.support.http_client import free_port
from tests.support.live_daemon import Daemon
from tests.support.media_upstream import MediaUpstream

PORT = "11435"
"""The port of codexd in the documentation."""

UPSTREAM = "http://127.0.0.1:11434/v1"
"""Another model server in the documentation; for pages with a daemon of their own it has all that codexd passes on."""

STATE = Path(".local/state")
_NOT_LINKED = {".git", "build", "_trial_temp", "pyproject.toml"}
_STAMPS = ("run", "dev")
_COMMAND = re.compile(r"^\$ ", re.MULTILINE)


class PageRun:
    """The blocks of one page, while they are run.

    Args:
        blocks: all blocks of the page.
        shared: returns the daemon of pages that start none.
    """

    def __init__(self, blocks: list[Block], shared: Callable[[], Daemon]) -> None:
        (ROOT / "build").mkdir(exist_ok=True)
        self._blocks = blocks
        self._folder = Path(tempfile.mkdtemp(dir=ROOT / "build", prefix="page-"))
        self._names: dict[str, Any] = {}
        self._output = ""
        self._upstream: MediaUpstream | None = None
        if any(DAEMON in block.markers for block in blocks):
            self._upstream = MediaUpstream()
            self._port, state = free_port(), self._folder / "state"
            state.mkdir(mode=0o700)
        else:
            daemon = shared()
            self._port, state = daemon.port, daemon.folder / "state"
        self._shell = Shell(self._build_project(), self._build_environment(state), self._port)

    def _build_project(self) -> Path:
        """Create a folder in which the files of the project are links, and return it.

        A page installs nothing: that would change the environment in which the tests run. So the stamps of what is
        installed exist, and pyproject.toml, on which they depend, is older.
        """
        project, environment = self._folder / "codexd", self._folder / "codexd" / ".venv"
        environment.mkdir(parents=True)
        for path in ROOT.iterdir():
            if path.name not in _NOT_LINKED and not path.name.startswith((".venv", "_trial_temp")):
                (project / path.name).symlink_to(path)
        for path in Path(sys.prefix).iterdir():
            if path.name not in _STAMPS:
                (environment / path.name).symlink_to(path)
        for name in _STAMPS:
            (environment / name).touch()
        shutil.copy(ROOT / "pyproject.toml", project)
        os.utime(project / "pyproject.toml", (0, 0))
        (project / "build").mkdir()
        return project

    def _build_environment(self, state: Path) -> dict[str, str]:
        """Build the environment of a new user, whose state directory is that of the daemon."""
        (self._home / STATE.parent).mkdir(parents=True)
        (self._home / STATE).symlink_to(state)
        for name in ("etc/codexd", "var/lib/codexd"):
            (self._folder / name).mkdir(parents=True, mode=0o700)
        programs = self._folder / "bin"
        programs.mkdir()
        (programs / "codex").symlink_to(bundled_codex_path())
        (programs / "sudo").write_text(
            '#!/bin/sh\n[ "$1" = codexd ] && exec "$@"\necho "sudo runs only codexd here" >&2; exit 1\n'
        )
        (programs / "sudo").chmod(0o755)
        unwanted = ("CODEX", "COVERAGE", "OPENAI", "XDG", "MAKE", "MFLAGS")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), environment["PATH"]))
        return environment | {"HOME": str(self._home), "PATH": path}

    @property
    def _home(self) -> Path:
        return self._folder / "home"

    def close(self) -> None:
        """Stop the page's daemon, and remove the page's folder.

        Raises:
            AssertionError: if the daemon does not stop in order.
        """
        try:
            self._shell.stop_daemon()
        finally:
            if self._upstream is not None:
                self._upstream.stop()
        shutil.rmtree(self._folder)

    def run(self) -> None:
        """Run all blocks.

        Raises:
            AssertionError: with the block that failed, and how.
        """
        for block in self._blocks:
            if NOT_RUN in block.markers or RUN_BY in block.markers:
                continue
            self.refuse_unsafe(block)
            try:
                self._run_block(block)
            except Exception as error:
                raise AssertionError(f"{block.place}: {error}\n\n{block.code}") from error

    @staticmethod
    def refuse_unsafe(block: Block) -> None:
        """Run nothing of a page whose next block breaks a rule, above all if it could change the machine.

        Raises:
            AssertionError: if it does.
        """
        if problem := find_problem(block):
            raise AssertionError(problem)

    def _run_block(self, block: Block) -> None:
        if FILE in block.markers:
            self._write(block)
        elif OUTPUT in block.markers:
            self._compare(block)
        elif DAEMON in block.markers:
            self._shell.start_daemon(self._localize(block.code))
        elif block.language == "sh":
            self._output = self._shell.run(self._localize(block.code), int(block.markers.get(STATUS, 0)))
        elif block.language == "console":
            self._run_console(block)
        elif block.language == "python" and excerpt_file(block) is None and not is_new_file(block):
            self._output = self._run_python(block)

    # What a page names, in the page's folder.

    def _localize(self, code: str) -> str:
        """Replace the ports and the system's directories in a text by those of the page."""
        code = re.sub(rf"tcp:{PORT}(?!:interface)\b", f"tcp:{PORT}:interface=127.0.0.1", code)
        code = re.sub(r"(?<![\w.])/(etc|var/lib)/codexd\b", rf"{self._folder}/\1/codexd", code)
        if self._upstream is not None:
            code = code.replace(UPSTREAM, self._upstream.url)
        return code.replace(PORT, str(self._port))

    def _globalize(self, text: str) -> str:
        """Replace the port and the directories of the page in an output by those that pages name."""
        text = re.sub(rf"{self._folder}/(etc|var/lib)/codexd", r"/\1/codexd", text)
        for folder, name in ((self._home, "~"), (self._shell.project, "."), (self._folder, "...")):
            text = text.replace(str(folder), name)
        return text.replace(str(self._port), PORT)

    def _write(self, block: Block) -> None:
        name = self._localize(block.markers[FILE])
        path = self._home / name[2:] if name.startswith("~/") else self._shell.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be a link to a file of the project
        path.write_text(self._localize(block.code))
        path.chmod(0o600)

    # Blocks.

    def _compare(self, block: Block) -> None:
        output = self._globalize(self._output)
        if block.language == "text":
            assert matches_text(block.code, output), f"this is shown, but the output was:\n{output}"
        elif problem := find_difference(json.decode(block.code.encode()), json.decode(output.encode())):
            raise AssertionError(f"this is shown, but the output was another: {problem}\n{output}")

    def _run_console(self, block: Block) -> None:
        before, *commands = _COMMAND.split(block.code)
        assert not before.strip(), "a console block begins with a `$ command`"
        for text in commands:
            command, _, shown = text.partition("\n")
            while command.endswith("\\"):
                more, _, shown = shown.partition("\n")
                command += "\n" + more.removeprefix("> ")
            status = None if shown.strip() else 0
            output = self._globalize(self._shell.run(self._localize(command), status, merged=True))
            if shown.strip():
                assert matches_text(shown, output), f"the output of `{command}` was:\n{output}"

    def _run_python(self, block: Block) -> str:
        """Run Python in the namespace of the page, and return what it prints."""
        code = compile("\n" * block.line + self._localize(block.code), str(block.page), "exec")
        before, os.environ["HOME"] = dict(os.environ), str(self._home)
        os.environ |= self._shell.environment
        try:
            with redirect_stdout(StringIO()) as output, _TimeLimit():
                exec(code, self._names)
        finally:
            os.environ.clear()
            os.environ |= before
        return output.getvalue()


class _TimeLimit:
    """Ends Python code that takes longer than a command may."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGALRM, self._expire)
        signal.alarm(int(Shell.TIMEOUT_SECONDS))

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self._before)

    @staticmethod
    def _expire(*_: object) -> None:
        raise AssertionError(f"not done within {Shell.TIMEOUT_SECONDS:g} s")
