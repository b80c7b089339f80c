"""Images by URL over upstreams: sent as they are, or inline if the settings say so."""

import atexit
from functools import cache

from codexd.wire.json import Json
from tests.live.test_images import PIXEL, image_server
from tests.support.live_daemon import CHAT, RESPONSES, Daemon, DaemonSetup, LiveTestCase, shared
from tests.support.provider_process import ProviderProcess

_UPSTREAM = '[[upstream]]\nname = "{name}"\nprefix = "{name}/"\nbase_url = "{url}"\nretries = 0\n'


@cache
def provider() -> ProviderProcess:
    """Return the upstream of all tests, started when it is needed first."""
    started = ProviderProcess()
    atexit.register(started.stop)
    return started


class UpstreamImageTests(LiveTestCase):
    @property
    def daemon(self) -> Daemon:
        images = f'[images]\nallow_private = ["127.0.0.1"]\nports = [{image_server().server_port}]\n'
        near, inline = (_UPSTREAM.format(name=name, url=provider().url) for name in ("near", "inline"))
        settings = f'[codex]\nmodel = "none"\n{images}{near}{inline}inline_images = true\n'
        return shared(DaemonSetup(settings=settings))

    def asked(self, path: str, model: str, body: Json) -> Json:
        answer = self.daemon.post(path, body | {"model": f"{model}/scripted"})
        self.assertEqual(answer.status, 200, answer.body)
        (asked,) = provider().asked(1)
        return asked["messages"][0]["content"][0]["image_url"]["url"]

    def test_the_url_is_sent_as_it_is_unless_the_upstream_needs_it_inline(self) -> None:
        url = image_server().url("/upstream.png")
        chat = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}
        response = {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]}
        for path, body in ((CHAT, chat), (RESPONSES, response)):
            self.assertEqual(self.asked(path, "near", body), url)
            self.assertEqual(self.asked(path, "inline", body), PIXEL)
