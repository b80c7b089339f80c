"""The checks of a block that need no daemon. Each returns what is wrong and what to do, or None."""

import ast
import tomllib
from collections.abc import Callable
from configparser import Error, RawConfigParser

import yaml

from codexd.configuration import ConfigurationError, load
from codexd.wire import json
from tests.documentation.blocks import FILE, MARKERS, NOT_RUN, OUTPUT, ROOT, RUN_BY, Block
from tests.documentation.excerpts import excerpt_file, is_in_file, is_new_file
from tests.documentation.machine_changes import find_machine_change

CONFIGURATION = "codexd.toml"
UNIT_SECTIONS = {"Unit", "Service", "Socket", "Timer", "Install"}
EXPLAINED = 'CONTRIBUTING.md, "Code blocks", explains the rules'

Check = Callable[[Block], str | None]


def find_problem(block: Block) -> str | None:
    """Return what is wrong with a block, with its place, or None."""
    problem = _check_markers(block) or _check_content(block)
    return problem and f"{block.place}: {problem}\n{EXPLAINED}."


def _check_content(block: Block) -> str | None:
    if NOT_RUN in block.markers or RUN_BY in block.markers:
        return None
    if not block.language:
        return "this code block has no language; write one of these behind the fence: " + ", ".join(CHECKS)
    check = CHECKS.get(block.language)
    if check is None:
        return (
            f"no test runs blocks of the language `{block.language}`. Put `<!-- run by: tests/... -->` on the line"
            " directly above the fence, with the test that runs it, or `<!-- not run: REASON -->`"
        )
    return check(block)


def _check_markers(block: Block) -> str | None:
    for name, text in block.markers.items():
        if MARKERS[name] and not text:
            return f"the marker needs a text: `<!-- {name}: ... -->`"
        if not MARKERS[name] and text:
            return f"the marker has no text: `<!-- {name} -->`"
    test = block.markers.get(RUN_BY)
    if test is not None and not (ROOT / test).is_file():
        return f"{test} does not exist; name the test that runs this block"
    if test is not None and block.page.name not in (ROOT / test).read_text(encoding="utf-8"):
        return f"{test} does not name {block.page.name}; name the test that runs this block"
    if OUTPUT in block.markers and block.language not in ("text", "json"):
        return "only `text` and `json` blocks can be outputs; a `console` block shows commands with their outputs"
    return None


def _accept(block: Block) -> str | None:
    """Accept a block that is run with a daemon, or has nothing that could be run."""


def _check_commands(block: Block) -> str | None:
    word = find_machine_change(block.code)
    return word and (
        f"`{word}` could change the machine, and not only the folder of the page. Put `<!-- not run: REASON -->` or"
        " `<!-- run by: tests/... -->` on the line directly above the fence"
    )


def _check_python(block: Block) -> str | None:
    file = excerpt_file(block)
    if file is not None and not is_in_file(block, file):
        return f"this is not in {file}; update the excerpt, in which a line `...` stands for omitted lines"
    try:
        if is_new_file(block):
            ast.parse(block.code)
    except SyntaxError as error:
        return f"this is not valid Python: {error}"
    return None


def _check_toml(block: Block) -> str | None:
    try:
        if is_configuration(block):
            load((), {}, lambda path: block.code if path == CONFIGURATION else "", CONFIGURATION)
        else:
            tomllib.loads(block.code)
    except (tomllib.TOMLDecodeError, ConfigurationError) as error:
        return (
            f"codexd does not start with this: {error}. Show what it needs, too; if it is no configuration of codexd,"
            " put `<!-- file: ITS PATH -->` on the line directly above the fence"
        )
    return None


def is_configuration(block: Block) -> bool:
    """Return whether a TOML block is a configuration of codexd."""
    return block.markers.get(FILE, CONFIGURATION).endswith(CONFIGURATION)


def _check_json(block: Block) -> str | None:
    try:
        json.decode(block.code.encode())
    except ValueError as error:
        return f"this is not JSON: {error}"
    return None


def _check_yaml(block: Block) -> str | None:
    try:
        list(yaml.safe_load_all(block.code))
    except yaml.YAMLError as error:
        return f"this is not YAML: {error}"
    return None


def _check_unit(block: Block) -> str | None:
    unit = RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment]
    try:
        unit.read_string(block.code)
        if unknown := set(unit.sections()) - UNIT_SECTIONS:
            return f"a systemd unit has no section {unknown}"
        words = (words for section in unit for words in unit[section].get("Environment", "").split())
        load((), dict(word.split("=", 1) for word in words), lambda _: "sk-example\n")
    except (Error, ConfigurationError, ValueError) as error:
        return f"this is not a systemd unit for codexd: {error}"
    return None


def _check_text(block: Block) -> str | None:
    if OUTPUT in block.markers:
        return None
    return (
        "put `<!-- output -->` on the line directly above the fence if this is the output of the block before,"
        " else `<!-- not run: REASON -->` or `<!-- run by: tests/... -->`"
    )


CHECKS: dict[str, Check] = {
    "sh": _check_commands,
    "console": _check_commands,
    "python": _check_python,
    "toml": _check_toml,
    "json": _check_json,
    "yaml": _check_yaml,
    "ini": _check_unit,
    "text": _check_text,
    "mermaid": _accept,
}
"""The check of each language."""
