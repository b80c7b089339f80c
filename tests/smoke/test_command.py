"""The command prints one line for each check, or one JSON object; its exit status says whether one failed."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from codexd.smoke.command import run
from codexd.wire import json
from tests.support.http_client import free_port


class CommandTests(SynchronousTestCase):
    def run_command(self, *argv: str) -> tuple[int, str]:
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as self.err:
            status = run(argv, {}, lambda: 1.0)
        return status, out.getvalue()

    def setUp(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"

    def test_a_daemon_that_does_not_run_fails_one_check(self) -> None:
        status, out = self.run_command(self.url)
        self.assertEqual(status, 1)
        first, last = out.splitlines()
        self.assertRegex(first, "^failed  connection +0 ms  no response from http://127.0.0.1:.*refused")
        self.assertEqual(last, "FAILED in 0.0 s: 0 ok, 0 skipped, 1 failed")

    def test_the_report_can_be_json(self) -> None:
        status, out = self.run_command(f"{self.url}/v1/", "--json")
        report = json.decode(out)
        self.assertEqual((status, report["url"], report["verdict"]), (1, self.url, "failed"))
        self.assertEqual([check["name"] for check in report["checks"]], ["connection"])

    def test_every_check_is_run_though_others_fail(self) -> None:
        status, out = self.run_command(self.url, "--model", "scripted")
        self.assertEqual(status, 1)
        self.assertIn("failed  conversations", out)
        self.assertIn("skipped embeddings", out)

    def test_an_address_that_is_none_is_refused(self) -> None:
        for url in ("127.0.0.1:11435", "ftp://127.0.0.1", "http://"):
            with self.assertRaises(SystemExit) as exited:
                self.run_command(url)
            self.assertEqual(exited.exception.code, 2)
            self.assertIn("must begin with http:// or https://", self.err.getvalue())

    def test_a_time_that_is_none_is_refused(self) -> None:
        for seconds in ("0", "-1", "nan", "inf", "1e400", "1e10", "x"):
            with redirect_stderr(StringIO()) as err, self.assertRaises(SystemExit) as exited:
                run((self.url, f"--timeout={seconds}"), {})
            self.assertEqual(exited.exception.code, 2)
            self.assertIn(f"{seconds!r} is not a number of seconds", err.getvalue())

    def test_an_address_with_a_wrong_port_is_refused(self) -> None:
        with redirect_stderr(StringIO()) as err, self.assertRaises(SystemExit):
            run(("http://127.0.0.1:99999",), {})
        self.assertIn("Port out of range", err.getvalue())
