"""The table of results, as docs/clients.md shows it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.clients.catalogue import CLIENTS, SCENARIOS, Client, Scenario
from tests.clients.runner import Outcome

PAGE: Final = Path(__file__).parents[2] / "docs" / "clients.md"
_BEGIN: Final = "<!-- table: begin -->\n"
_END: Final = "<!-- table: end -->\n"
_MARKS: Final = {True: "yes", False: "**no**", None: "-"}


def render_table(results: Mapping[str, Mapping[Scenario, Outcome]], date: str) -> str:
    """Render the clients that were run, in the order of the catalogue."""
    head = ["Client", "Installed", "Endpoint", *SCENARIOS]
    rows = [_row(client, results[client.slug]) for client in CLIENTS if client.slug in results]
    lines = [head, ["---"] * len(head), *rows]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    return f"Run on {date} against the scripted model behind the real Codex.\n\n{table}"


def _row(client: Client, outcomes: Mapping[Scenario, Outcome]) -> list[str]:
    packages = ", ".join(f"`{package}`" for package in client.packages if not package.startswith("node@"))
    marks = [_MARKS[outcomes[scenario].passed] for scenario in SCENARIOS]
    return [client.name, packages, client.endpoint, *marks]


def list_reasons(results: Mapping[str, Mapping[Scenario, Outcome]]) -> str:
    """List why scenarios failed or were not run."""
    return "".join(
        f"{slug} {scenario}: {outcome.why}\n"
        for slug, outcomes in results.items()
        for scenario, outcome in outcomes.items()
        if outcome.passed is not True
    )


def write_table(table: str) -> None:
    """Replace the table of docs/clients.md."""
    page = PAGE.read_text()
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(before + _BEGIN + table + _END + after)
