"""Tests of codexd.images.loader."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from codexd.images.client import FetchedImage
from codexd.images.loader import ImageLoader
from codexd.interfaces import IImageLoader
from codexd.neutral.fault import Fault, FaultError
from codexd.observe.metrics import Metrics
from codexd.policy.image_urls import ImageUrl, failure, refusal
from codexd.settings import Images
from tests.support.metric_samples import metric

URL = "https://a.org/a.png?secret"
IMAGE = FetchedImage("image/png", b"abc")
DATA = "data:image/png;base64,YWJj"


class ImageLoaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.build()

    def build(self, **settings: Any) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.cancelled: list[str] = []
        self.fetched: list[tuple[str, Deferred[FetchedImage]]] = []
        self.loader = ImageLoader(Images(**settings), self.clock, self.metrics, self.fetch)

    def fetch(self, url: ImageUrl) -> "Deferred[FetchedImage]":
        fetching: Deferred[FetchedImage] = Deferred(lambda _: self.cancelled.append(url.text))
        self.fetched.append((url.text, fetching))
        return fetching

    def load(self, url: str = URL, owner: str = "me") -> "Deferred[str]":
        return self.loader.load(owner, url)

    def fault(self, loading: "Deferred[str]") -> Fault:
        error = self.failureResultOf(loading, FaultError).value
        assert isinstance(error, FaultError)
        return error.fault

    def counts(self) -> dict[str, float]:
        names = ("images_fetched", "images_refused", "images_failed", "image_cache_hits", "image_bytes")
        found = {name: metric(self.metrics, f"codexd_{name}_total") for name in names}
        return {name: value for name, value in found.items() if value}

    def test_it_implements_the_interface(self) -> None:
        self.assertTrue(verifyObject(IImageLoader, self.loader))

    def test_an_image_is_fetched_once_for_all_that_wait_and_for_those_that_come_later(self) -> None:
        first, second = self.load(), self.load()
        ((url, fetching),) = self.fetched
        self.assertEqual(url, URL)
        fetching.callback(IMAGE)
        found = [self.successResultOf(one) for one in (first, second, self.load())]
        self.assertEqual(found, [DATA] * 3)
        self.assertIs(found[0], found[2])
        self.assertEqual(self.loader.find("me", URL), DATA)
        self.assertEqual(self.counts(), {"images_fetched": 1, "image_bytes": 3, "image_cache_hits": 1})

    def test_another_principal_has_its_own_fetch_and_its_own_cache(self) -> None:
        self.load()
        self.load(owner="you")
        self.assertEqual(len(self.fetched), 2)
        self.fetched[0][1].callback(IMAGE)
        self.assertIsNone(self.loader.find("you", URL))

    def test_after_its_time_an_image_is_fetched_again(self) -> None:
        self.build(cache_seconds=10.0)
        self.load()
        self.fetched[0][1].callback(IMAGE)
        self.clock.advance(10.0)
        self.assertNoResult(self.load())
        self.assertEqual(len(self.fetched), 2)

    def test_without_a_cache_running_fetches_are_shared_and_nothing_is_kept(self) -> None:
        self.build(cache_bytes=0)
        self.load(), self.load()
        self.assertEqual(len(self.fetched), 1)
        self.fetched[0][1].callback(IMAGE)
        self.load()
        self.assertEqual(len(self.fetched), 2)

    def test_a_failure_reaches_all_that_wait_and_is_not_kept(self) -> None:
        first, second = self.load(), self.load()
        self.fetched[0][1].errback(FaultError(failure("a.org", "status_404", "m")))
        self.assertEqual([self.fault(one).kind for one in (first, second)], ["image_failed"] * 2)
        self.assertEqual(self.counts(), {"images_failed": 1})
        self.load()
        self.assertEqual(len(self.fetched), 2)

    def test_a_refusal_during_the_fetch_is_counted_as_one(self) -> None:
        loading = self.load()
        self.fetched[0][1].errback(FaultError(refusal("a.org", "address", "m")))
        self.assertEqual((self.fault(loading).kind, self.counts()), ("image_refused", {"images_refused": 1}))

    def test_a_defect_is_logged_without_the_url(self) -> None:
        loading = self.load()
        self.fetched[0][1].errback(ValueError(URL))
        self.assertEqual(self.fault(loading).kind, "internal")
        self.assertEqual(metric(self.metrics, "codexd_internal_error_total"), 1)

    def test_a_fetch_ends_at_its_deadline(self) -> None:
        loading = self.load()
        self.clock.advance(Images().fetch_seconds)
        fault = self.fault(loading)
        self.assertEqual((fault.kind, fault.note), ("image_failed", "image from a.org: timeout"))
        self.load()
        self.assertEqual(len(self.fetched), 2)

    def test_the_fetch_is_cancelled_when_nobody_waits_any_more(self) -> None:
        first, second = self.load(), self.load()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(self.cancelled, [])
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual((self.cancelled, self.counts()), ([URL], {}))
        self.assertNoResult(self.load())
        self.assertEqual(len(self.fetched), 2)
        self.fetched[1][1].callback(IMAGE)

    def test_a_url_is_checked_without_a_fetch(self) -> None:
        self.loader.check(URL)
        for url in ("http://127.0.0.1/", "http://a.org:22/", "ftp://a.org/"):
            fault = self.assertRaises(FaultError, self.loader.check, url).fault
            self.assertEqual(fault.kind, "image_refused")
        self.assertEqual((self.fetched, self.counts()), ([], {"images_refused": 3}))

    def test_if_fetching_is_off_every_url_is_refused(self) -> None:
        self.build(fetch=False)
        fault = self.assertRaises(FaultError, self.loader.check, URL).fault
        self.assertEqual((fault.kind, fault.status), ("image_refused", 400))
        self.assertIn("images.fetch", fault.message)

    def test_the_settings_are_those_of_the_rules(self) -> None:
        self.build(allow_private=("127.0.0.0/8",), ports=(8080,))
        self.loader.check("http://127.0.0.1:8080/")

    def test_when_it_stops_the_fetches_end_and_their_requests_fail(self) -> None:
        self.loader.startService()
        loading = self.load()
        self.loader.stopService()
        self.assertEqual((self.fault(loading).kind, self.cancelled), ("shutting_down", [URL]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_old_images_are_removed_while_it_runs(self) -> None:
        self.build(cache_seconds=10.0)
        self.loader.startService()
        self.addCleanup(self.loader.stopService)
        self.load()
        self.fetched[0][1].callback(IMAGE)
        self.assertGreater(metric(self.metrics, "codexd_image_cache_bytes"), 0)
        self.clock.advance(60.0)
        self.assertEqual(metric(self.metrics, "codexd_image_cache_bytes"), 0)
