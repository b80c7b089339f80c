from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from codexd.administration import commands
from codexd.administration.client import AdminClient

OFF = {"enabled": False, "retry_after_seconds": 60.0, "message": "Later.", "keep": False}


@define
class FakeClient:
    """Answers the requests of a command, in order."""

    answers: list[Any]
    requests: list[tuple[str, str, Any]] = field(factory=list)

    def request(self, method: str, path: str, body: Any = None, accept: Any = ()) -> Any:
        return self.call(method, path, body, accept)

    def call(self, method: str, path: str, body: Any = None, accept: Any = ()) -> Any:
        self.requests.append((method, path, body))
        return self.answers.pop(0)


class CommandTests(SynchronousTestCase):
    def run_command(self, name: str, *argv: str, answers: list[Any]) -> tuple[int, str, str]:
        self.client: Any = FakeClient(answers)
        out, err = StringIO(), StringIO()
        _, arguments = commands.parse(name, argv)
        with redirect_stdout(out), redirect_stderr(err):
            client: AdminClient = self.client
            status = commands.run(name, arguments, client)
        return status, out.getvalue(), err.getvalue()

    def test_the_health_is_the_exit_status(self) -> None:
        for health, expected in (
            ({"status": "degraded", "ready": True}, 0),
            ({"status": "maintenance", "ready": False}, 1),
        ):
            status, out, _ = self.run_command("healthcheck", answers=[health])
            self.assertEqual((status, out), (expected, f"{health['status']}\n"))
        self.assertEqual(self.client.requests, [("GET", "/healthz", None)])

    def test_reload_prints_what_changed(self) -> None:
        report = {"applied": ["http.api_keys", "upstream"], "restart_required": ["http.listen"], "problems": []}
        status, out, _ = self.run_command("reload", answers=[report])
        self.assertEqual(status, 0)
        self.assertEqual(out, "changed: http.api_keys, upstream\nin effect only after a restart: http.listen\n")
        report = {"applied": [], "restart_required": [], "problems": []}
        self.assertEqual(self.run_command("reload", answers=[report])[1], "changed: nothing\n")

    def test_a_refused_reload_fails_with_the_reasons(self) -> None:
        report = {"applied": [], "restart_required": [], "problems": ["http.listen: must not be empty"]}
        status, out, err = self.run_command("reload", answers=[report])
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err, "http.listen: must not be empty\nNothing was changed.\n")

    def test_maintenance_without_an_argument_only_prints_the_state(self) -> None:
        self.assertEqual(self.run_command("maintenance", answers=[OFF])[1], "Maintenance is off.\n")
        self.assertEqual(self.client.requests, [("GET", "maintenance", None)])

    def test_maintenance_is_switched_with_the_given_fields_only(self) -> None:
        on = {**OFF, "enabled": True, "retry_after_seconds": 90.0, "keep": True}
        argv = ("on", "--retry-after", "90", "--message", "soon", "--keep")
        status, out, _ = self.run_command("maintenance", *argv, answers=[OFF, on])
        self.assertEqual(status, 0)
        self.assertEqual(out, "Maintenance is on (kept over restarts): clients are told to try again after 90 s.\n")
        body = {"enabled": True, "keep": True, "retry_after_seconds": 90.0, "message": "soon"}
        self.assertEqual(self.client.requests[-1], ("POST", "maintenance", body))
        self.run_command("maintenance", "off", answers=[on, OFF])
        self.assertEqual(self.client.requests[-1], ("POST", "maintenance", {"enabled": False, "keep": False}))

    def test_wrong_arguments_are_refused_before_anything_is_sent(self) -> None:
        for argv in (
            ("maybe",),
            ("on", "--retry-after", "0"),
            ("on", "--retry-after", "x"),
            ("on", "--retry-after", "1e9"),
        ):
            with redirect_stderr(StringIO()) as err:
                error = self.assertRaises(SystemExit, self.run_command, "maintenance", *argv, answers=[])
            self.assertEqual(error.code, 2)
            self.assertNotIn("_seconds", err.getvalue())
