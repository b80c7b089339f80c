from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from codexd.neutral.usage import Consumption
from codexd.page.html import Layout
from codexd.page.status import StatusView, status_page
from codexd.policy.key_budgets import BudgetUse
from codexd.policy.maintenance import MaintenanceState
from codexd.policy.status import BackendStatus, WorkerStatus

LAYOUT = Layout(title="Status", current="/", form_token="the-token")
WORKER = WorkerStatus(
    name="plain-0",
    state="Up",
    pid=4711,
    up_seconds=3700.0,
    running_turns=1,
    turns=12,
    resident_bytes=64 * 2**20,
    last_exit="",
)
CODEX = BackendStatus(name="codex", is_ready=True, models=7, running=2, queued=3, circuit_is_open=False, suspended=4)
VIEW = StatusView(
    version="1.2.3",
    status="ok",
    problem=None,
    up_seconds=60.0,
    maintenance=MaintenanceState(),
    maintenance_kept=False,
    workers=(WORKER,),
    backends=(CODEX,),
    budgets=(),
    minutes=(),
    consumption=(),
    recent=(),
    failures=(),
    now=100.0,
    unix_time=1_700_000_000.0,
)


class StatusPageTests(SynchronousTestCase):
    def show(self, **changes: object) -> str:
        return status_page(LAYOUT, evolve(VIEW, **changes)).decode()

    def test_health_back_ends_and_processes_are_shown(self) -> None:
        page = self.show()
        for text in (
            "ok",
            "Requests are served.",
            "1.2.3",
            "plain-0",
            "4711",
            "1 h 1 min",
            "64.0 MiB",
            ">12<",
            ">reachable<",
            ">runs<",
        ):
            self.assertIn(text, page)
        for name, count in (("running", 2), ("suspended", 4)):
            self.assertIn(f"<dt>Turns {name}</dt><dd>{count}</dd>", page)
        self.assertIn("<dt>Requests waiting</dt><dd>3</dd>", page)

    def test_what_is_wrong_is_said_in_words(self) -> None:
        page = self.show(
            status="degraded",
            problem="disk full",
            backends=(evolve(CODEX, circuit_is_open=True), evolve(CODEX, name="local", own_circuits=("ann", "bob"))),
        )
        for text in (
            "degraded",
            "disk full",
            "requests are refused until it answers",
            "requests of ann, bob are refused",
        ):
            self.assertIn(text, page)

    def test_without_codex_it_says_so(self) -> None:
        self.assertIn("Codex does not run", self.show(workers=()))

    def test_the_budgets_of_keys_are_shown_if_there_are_any(self) -> None:
        self.assertNotIn("API keys at their limits", self.show())
        used_up = BudgetUse(key="ann", kind="day", spent=2500, limit=2000, ends=1_700_006_400.0)
        half = BudgetUse(key="bob", kind="month", spent=500, limit=1000, ends=1_701_388_800.0)
        page = self.show(budgets=(used_up, half))
        for text in ('<span class="bad">125 %</span>', "<span>50 %</span>", ">2,500<", ">2,000<", ">2023-11-15 00:00<"):
            self.assertIn(text, page)
        self.assertNotIn("are not shown", page)
        self.assertIn("5 of which less is used are not shown.", self.show(budgets=(half,) * 25))

    def test_it_says_that_the_scripted_model_answers_for_want_of_a_login(self) -> None:
        page = self.show(backends=(evolve(CODEX, lacks_login=True),))
        self.assertIn("Codex is not logged in: the scripted model answers.", page)
        self.assertIn("<code>codexd login</code>, and restart codexd.", page)
        self.assertNotIn("not logged in", self.show())

    def test_tokens_are_shown_by_model_and_key(self) -> None:
        used = Consumption(model="small", key="ann", requests=2, input_tokens=1000, output_tokens=20)
        page = self.show(consumption=(used,))
        for text in ("In the last 24 hours.", ">small<", ">ann<", ">1,000<", ">20<"):
            self.assertIn(text, page)
        self.assertIn("No tokens in the last 24 hours.", self.show())
        self.assertIn("The usage cannot be read now.", self.show(consumption=None))
        refused = Consumption(model="", key="bob", requests=9, input_tokens=0, output_tokens=0)
        self.assertIn("No tokens in the last 24 hours.", self.show(consumption=(refused,)))
        self.assertNotIn("bob", self.show(consumption=(used, refused)))
        self.assertIn("5 with fewer tokens are not shown.", self.show(consumption=(used,) * 25))

    def test_the_form_switches_maintenance_to_the_other_state(self) -> None:
        off = self.show()
        self.assertIn('name="enabled" value="yes"', off)
        self.assertIn('name="token" value="the-token"', off)
        self.assertIn('for="message"', off)
        on = self.show(maintenance=MaintenanceState(enabled=True), maintenance_kept=True)
        self.assertIn('name="enabled" value="no"', on)
        self.assertIn("Maintenance is on. It is kept over restarts.", on)

    def test_the_result_of_a_form_is_announced(self) -> None:
        self.assertIn('role="status">Maintenance is on.', self.show(done="Maintenance is on."))

    def test_the_page_is_loaded_again_if_the_reader_wants_that(self) -> None:
        page = status_page(evolve(LAYOUT, refresh_seconds=15), VIEW).decode()
        self.assertIn('http-equiv="refresh" content="15"', page)
        self.assertIn('<a href="/">Stop</a>', page)
