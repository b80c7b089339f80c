"""The example configurations of docs/environments.md can be started, and are as the page says."""

import os
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from attrs import asdict
from twisted.trial.unittest import SynchronousTestCase

from codexd.command import ProcessContext, main
from codexd.configuration import load
from tests.documentation.blocks import ROOT

PAGE = ROOT / "docs" / "environments.md"
ENVIRONMENTS = ("development", "staging", "production")
STAGES = ("staging", "production", "production", "production")
STATE = "/var/lib/codexd"


def read_example(name: str) -> str:
    return (ROOT / "etc" / f"{name}.toml").read_text(encoding="utf-8")


def load_example(text: str) -> dict[str, Any]:
    """Load a configuration without the files that it names, and return its settings."""
    return asdict(load((), {}, lambda path: text if path == "codexd.toml" else "", "codexd.toml").settings)


def read_rows(heading: str, columns: int) -> list[list[str]]:
    """Return the settings of the table below a heading, with their values."""
    section = PAGE.read_text(encoding="utf-8").split(f"# {heading}\n")[1].split("\n#")[0]
    rows = [
        [cell.strip(" `") for cell in row.strip("|").split("|")] for row in section.splitlines() if row[:3] == "| `"
    ]
    return [row[: columns + 1] for row in rows]


def parse(shown: str) -> Any:
    """Return the value of a cell; `none` is no value."""
    return None if shown == "none" else tomllib.loads(f"value = {shown}")["value"]


class EnvironmentTests(SynchronousTestCase):
    def test_every_example_passes_check_config(self) -> None:
        for name in ENVIRONMENTS:
            folder = Path(self.mktemp()).absolute()
            (folder / "codex-home").mkdir(parents=True, mode=0o700)
            (folder / "codex-home" / "auth.json").write_text('{"OPENAI_API_KEY": "none"}')
            config = folder / "codexd.toml"
            config.write_text(read_example(name).replace(STATE, str(folder)))
            environ = {"HOME": str(folder), "CODEX_HOME": str(folder / "codex-home"), "PATH": os.environ["PATH"]}
            with redirect_stdout(StringIO()) as out, redirect_stderr(out):
                context = ProcessContext(environ=environ)
                added = main(("keys", "add", "alice", "--file", str(folder / "keys.toml")), context)
                status = main(("check-config", "--config", str(config)), context)
            self.assertEqual((added, status), (0, 0), out.getvalue())

    def test_the_table_of_the_page_has_the_values_of_the_examples(self) -> None:
        rows = read_rows("Environments", len(ENVIRONMENTS))
        loaded = [load_example(read_example(name)) for name in ENVIRONMENTS]
        for key, *shown in rows:
            table, name = key.split(".")
            values = [settings[table][name] for settings in loaded]
            self.assertEqual(
                [parse(cell) for cell in shown], [list(v) if isinstance(v, tuple) else v for v in values], key
            )

    def test_the_table_has_every_setting_of_the_examples(self) -> None:
        tables = [tomllib.loads(read_example(name)) for name in ENVIRONMENTS]
        named = {f"{table}.{name}" for settings in tables for table, values in settings.items() for name in values}
        shown = {key for key, *_ in read_rows("Environments", len(ENVIRONMENTS))}
        self.assertEqual(named - shown, {"maintenance.retry_after_seconds"})

    def test_the_values_of_every_stage_can_be_set(self) -> None:
        rows = read_rows("Features by stage", len(STAGES))
        self.assertGreater(len(rows), 5)
        for at, example in enumerate(STAGES, 1):
            tables = tomllib.loads(read_example(example))
            environ = {f"CODEXD_{row[0].replace('.', '_').upper()}": row[at].strip('"') for row in rows}
            settings = load((), environ, lambda path: "", None).settings
            for key, *cells in rows:
                table, name = key.split(".")
                self.assertEqual(getattr(getattr(settings, table), name), parse(cells[at - 1]), key)
                if example == "staging" and name in tables.get(table, {}):
                    self.assertEqual(tables[table][name], parse(cells[0]), key)
