"""Error bodies of other servers than OpenAI's, through Codex, at every endpoint."""

from codexd.wire.json import encode
from tests.support.live_daemon import CHAT, ONE_ATTEMPT, RESPONSES, DaemonSetup, LiveTestCase, user

WORDS = "Field `x` is not valid."
PAGE = b"<html><body>Welcome to nginx</body></html>"
# The provider's status and body: the client's status, code and message (None: a message of codexd's own).
BODIES: tuple[tuple[int, bytes, int, str, str | None], ...] = (
    (400, encode({"error": {"message": WORDS, "code": "invalid_prompt"}}), 400, "invalid_prompt", WORDS),
    (400, encode({"object": "error", "message": WORDS, "code": 400}), 400, "invalid_prompt", WORDS),
    (400, encode({"detail": WORDS}), 400, "invalid_prompt", WORDS),
    (400, encode({"error": WORDS}), 400, "invalid_prompt", WORDS),
    (400, WORDS.encode(), 400, "invalid_prompt", WORDS),
    (400, b"", 400, "invalid_prompt", None),
    (400, b"{}", 400, "invalid_prompt", None),
    (400, PAGE, 400, "invalid_prompt", None),
    (400, encode({"error": {"message": "prompt is too long: 9 > 8"}}), 400, "context_length_exceeded", None),
    (400, encode({"error": {"message": "Invalid model name"}}), 404, "model_not_found", None),
    (409, encode({"error": {"message": WORDS}}), 400, "invalid_prompt", WORDS),
    (422, encode({"detail": [{"loc": ["body", "x"], "msg": "odd"}]}), 400, "invalid_prompt", "body.x: odd"),
    (422, PAGE, 400, "invalid_prompt", None),
    (401, PAGE, 502, "credentials_rejected", None),
    (403, encode({"error": {"message": "Your input was flagged."}}), 400, "invalid_prompt", "Your input was flagged."),
    (403, PAGE, 502, "credentials_rejected", None),
    (404, PAGE, 502, "provider_rejected", None),
    (404, encode({"error": "model 'q' not found, try pulling it first"}), 404, "model_not_found", None),
    (500, encode({"error": {"message": "CUDA error"}}), 502, "model_failed", None),
    (503, encode({"error": {"message": "Please try again in 7s."}}), 503, "overloaded", None),
    (529, b"", 503, "overloaded", None),
    (200, PAGE, 502, "stream_cut", None),
)


class ProviderBodyTests(LiveTestCase):
    daemon_setup = DaemonSetup(account=True, settings=ONE_ATTEMPT)

    def test_every_body_has_its_class_at_every_endpoint_streamed_and_not(self) -> None:
        daemon = self.daemon
        self.addCleanup(daemon.provider.set_answers, b"", 0)
        for theirs, body, status, code, message in BODIES:
            daemon.provider.set_answers(body, theirs)
            for stream in (False, True):
                for path, content in (
                    (CHAT, {"messages": user("hi")}),
                    (RESPONSES, {"input": "hi"}),
                    ("/v1/completions", {"prompt": "hi"}),
                ):
                    answer = daemon.post(path, {"model": daemon.model, "stream": stream, **content})
                    error = answer.json["error"]
                    self.assertEqual((answer.status, error["code"]), (status, code), (theirs, body, path, stream))
                    if message is not None:
                        self.assertEqual(error["message"], message)
                    self.assertNotIn("nginx", error["message"])
                    retried = answer.headers.get("x-should-retry") != "false"
                    self.assertEqual(retried, status >= 500 and code != "provider_rejected", (theirs, body))
                    if b"in 7s" in body:
                        self.assertEqual(answer.headers["retry-after"], "7")
