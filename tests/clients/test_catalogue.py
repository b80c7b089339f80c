from twisted.trial.unittest import SynchronousTestCase

from tests.clients.catalogue import CLIENTS, SCENARIOS, Client, Scenario
from tests.clients.install import DRIVERS
from tests.clients.report import PAGE, list_reasons, render_table
from tests.clients.runner import Outcome, judge


class CatalogueTests(SynchronousTestCase):
    def test_slugs_are_unique_and_each_has_a_driver(self) -> None:
        slugs = [client.slug for client in CLIENTS]
        self.assertEqual(len(slugs), len(set(slugs)))
        self.assertEqual({path.stem.removesuffix("_driver") for path in DRIVERS.glob("*_driver.*")}, set(slugs))

    def test_every_package_has_a_version(self) -> None:
        for client in CLIENTS:
            for package in client.packages:
                self.assertRegex(package, r".(==|@)\d+\.\d+")

    def test_the_page_shows_every_client_with_its_versions(self) -> None:
        page = PAGE.read_text()
        for client in CLIENTS:
            row = next(line for line in page.splitlines() if line.startswith(f"| {client.name} |"))
            for package in client.packages:
                if not package.startswith("node@"):
                    self.assertIn(f"`{package}`", row)


class ReportTests(SynchronousTestCase):
    client: Client = CLIENTS[0]

    def test_a_row_shows_what_passed_failed_and_was_not_run(self) -> None:
        outcomes: dict[Scenario, Outcome] = dict.fromkeys(SCENARIOS, Outcome(True))
        outcomes["tools"], outcomes["cancel"] = Outcome(None, "no tools"), Outcome(False, "no end")
        table = render_table({self.client.slug: outcomes}, "2026-01-01")
        self.assertTrue(table.endswith("| yes | yes | - | yes | yes | **no** |\n"), table)
        reasons = f"{self.client.slug} tools: no tools\n{self.client.slug} cancel: no end\n"
        self.assertEqual(list_reasons({self.client.slug: outcomes}), reasons)


class JudgeTests(SynchronousTestCase):
    def test_each_scenario_accepts_the_right_result_and_no_other(self) -> None:
        words = [f"word{number} " for number in range(1, 41)]
        right: dict[Scenario, dict[str, object]] = {
            "chat": {"text": "hello from codexd"},
            "stream": {"pieces": words},
            "tools": {"text": "tool said: 4 degrees in Oslo"},
            "turns": {"texts": ["first", "second"]},
            "error": {"error": "Error code: 400 - The script requested\nstatus 400."},
            "cancel": {},
        }
        wrong: dict[Scenario, dict[str, object]] = {
            "chat": {"text": "hello"},
            "stream": {"pieces": words[:-1]},
            "tools": {"text": "tool said: "},
            "turns": {"texts": ["first", "first"]},
            "error": {"error": "Connection refused"},
            "cancel": {"error": "no"},
        }
        for scenario in SCENARIOS:
            self.assertTrue(judge(scenario, right[scenario], cancelled=True).passed, scenario)
            self.assertFalse(judge(scenario, wrong[scenario], cancelled=True).passed, scenario)
        self.assertFalse(judge("cancel", {}, cancelled=False).passed)
        self.assertFalse(judge("chat", {"error": "ImportError"}, cancelled=False).passed)
