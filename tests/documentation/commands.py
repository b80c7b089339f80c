"""The commands in the text of the pages, such as `codexd keys add NAME --admin yes`, and whether they exist."""

import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache
from io import StringIO
from pathlib import Path

from codexd.command import ProcessContext, main
from tests.documentation.blocks import ROOT

_FENCED = re.compile(r"^ *(`{3,}).*?^ *\1$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:sudo |[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:codexd|make)(?: [^`]*)?)`")
_SCRIPTED = re.compile(r"(?:^|[\s/])codexd ((?!codexd\b)[a-z][a-z-]* ?[^|;&#>$)]*)")
_PREFIX = re.compile(r"^(?:sudo |[A-Z_]+=\S+ )*(?:\.venv/bin/)?")
_WORD = re.compile(r"[a-z][a-z-]*$")
_FLAG = re.compile(r"--[a-z][a-z-]*")
_TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)


def find_commands(page: Path) -> Iterator[str]:
    """Yield the commands in the text of a page, without what stands before `codexd` or `make`."""
    text = re.sub(r"\s+", " ", _FENCED.sub("", page.read_text(encoding="utf-8")))
    for found in _INLINE.findall(text):
        yield _PREFIX.sub("", found.replace("\\|", "|"))


def find_script_commands(text: str) -> Iterator[str]:
    """Yield the `codexd` commands in lines of a shell, without what stands before them."""
    for line in text.replace("\\\n", " ").splitlines():
        for found in _SCRIPTED.findall(re.sub(r"(^|\s)#.*", "", line)):
            yield f"codexd {found.strip()}"


def find_printed_commands(source: Path) -> Iterator[str]:
    """Yield the `codexd` commands in the texts of a Python file; a text may consist of several literals."""
    text = re.sub(r'["\']\s*\n\s*f?["\']', "", source.read_text(encoding="utf-8"))
    yield from (_PREFIX.sub("", found) for found in _INLINE.findall(re.sub(r"\s+", " ", text)))


def find_command_problem(command: str) -> str | None:
    """Return what does not exist in a command, or None."""
    program, *words = command.split()
    if program == "make":
        target = next((word for word in words if _WORD.match(word)), None)
        known = _TARGET.findall((ROOT / "Makefile").read_text())
        return None if target is None or target in known else f"make has no target {target}: {', '.join(known)}"
    return _find_codexd_problem(words)


def _find_codexd_problem(words: list[str]) -> str | None:
    names = [word for word in words if _WORD.match(word)][:2]
    if not words or not _WORD.match(words[0]):
        return None
    usage = read_help()
    if not re.search(rf"^  {re.escape(names[0])}\b", usage, re.MULTILINE):
        return f"codexd has no command {names[0]}"
    if "invalid choice" in read_help(*names):
        return f"codexd {names[0]} has no {names[1]}"
    flags = [flag for word in words for flag in _FLAG.findall(word)]
    shown = "".join(read_help(*names[:count]) for count in range(1, len(names) + 1)) + usage
    unknown = [flag for flag in flags if not re.search(rf"{flag}(?![\w-])", shown)]
    return f"codexd {' '.join(names)} --help does not have {', '.join(unknown)}" if unknown else None


@cache
def read_help(*names: str) -> str:
    """Return what `codexd NAMES --help` prints."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(out), suppress(SystemExit):
        main([*names, "--help"], ProcessContext(environ={}, execute=lambda *_: None))
    return out.getvalue()
