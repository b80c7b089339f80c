"""The HTTP surface under schemathesis, bounded in time; `make fuzz` runs it for longer."""

from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.fuzzing import fuzz, fuzzed_daemon
from tests.support.metric_samples import find_sample


class FuzzTests(SynchronousTestCase):
    def test_no_request_has_an_undocumented_response(self) -> None:
        with fuzzed_daemon() as daemon:
            run = fuzz(daemon, "--max-examples", "8", "--phases", "coverage,fuzzing", "--seed", "1")
            self.assertEqual(run.returncode, 0, (run.stdout + run.stderr).decode()[-20_000:])
            metrics = daemon.get("/metrics", {"authorization": "Bearer fuzz-key"}).body
            self.assertTrue(daemon.running)
            for name in ("codexd_internal_error_total", "codexd_child_exited_total"):
                self.assertFalse(find_sample(metrics, name), name)
            # It is no success if every request was refused.
            log = daemon.log
            for route in ("/v1/chat/completions", "/v1/responses", "/v1/completions"):
                self.assertGreater(log.count(f"POST {route} 200 ok"), 5, route)
