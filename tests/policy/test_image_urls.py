"""Tests of codexd.policy.image_urls."""

import socket
from ipaddress import IPv4Address, IPv6Address

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import URI

from codexd.neutral.fault import Fault, FaultError
from codexd.policy.addresses import AllowedHosts, is_public
from codexd.policy.image_urls import MAX_URL_CHARACTERS, ImageUrl, UrlRules, failure

RULES = UrlRules()
LOCAL = UrlRules(AllowedHosts.parse(("127.0.0.0/8", "media.lan")), frozenset((80, 8080)))


def forms(address: IPv4Address | IPv6Address) -> list[str]:
    """Return the ways to write an address as the host of a URL."""
    if isinstance(address, IPv6Address):
        return [f"[{address}]", f"[{address.exploded}]", f"[{address.exploded.upper()}]"]
    number, (a, b, c, d) = int(address), address.packed
    return [
        str(address),
        f"{address}.",
        str(number),
        hex(number),
        f"0{number:o}",
        f"{a}.{number & 0xFFFFFF}",
        f"{a}.{b}.{number & 0xFFFF}",
        f"0{a:o}.0{b:o}.0{c:o}.0{d:o}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}",
        f"{a:#X}.{b}.{c:#x}.0{d:o}",
        "".join(chr(ord(letter) + 0xFEE0) if letter.isdigit() else letter for letter in str(address)),
        str(address).replace(".", "\u3002"),
        f"[::ffff:{address}]",
        f"[::ffff:{number >> 16:x}:{number & 0xFFFF:x}]",
        f"[64:ff9b::{address}]",
        f"[::{address}]",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
        f"[2001:0:{number >> 16:x}:{number & 0xFFFF:x}::1]",
    ]


def numeric_addresses(url: ImageUrl) -> tuple[str, ...]:
    """Resolve an address in any form as the operating system does."""
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return ()
    return tuple(str(address[0]) for *_, address in found)


class ImageUrlTests(SynchronousTestCase):
    def refused(self, url: str, rules: UrlRules = RULES) -> Fault:
        return self.assertRaises(FaultError, rules.parse, url).fault

    def test_a_url_is_brought_to_its_canonical_form(self) -> None:
        for written, text, host, port in (
            ("https://a.org/b.png?c=%2F&d=%41", "https://a.org/b.png?c=%2F&d=%41", "a.org", 443),
            ("HTTP://A.org:80#part", "http://a.org/", "a.org", 80),
            ("https://a.org:/x y", "https://a.org/x%20y", "a.org", 443),
            ("https://münchen.de/ü?ü", "https://xn--mnchen-3ya.de/%C3%BC?%C3%BC", "xn--mnchen-3ya.de", 443),
            ("http://[2606:4700:4700:0::1111]?q", "http://[2606:4700:4700::1111]/?q", "2606:4700:4700::1111", 80),
            ("https://a_b.org//x", "https://a_b.org//x", "a_b.org", 443),
            ("https://a.org./x", "https://a.org/x", "a.org", 443),
            ("http://127.1./x", "http://127.1/x", "127.1", 80),
        ):
            url = RULES.parse(written)
            self.assertEqual((url.text, url.host, url.port), (text, host, port))

    def test_a_url_that_is_not_valid_is_refused(self) -> None:
        for url in (
            "http://", "http:///x", "http:/a/b", "http:a", "//a/b", "ftp://a/b", "http://a:0/", "http://a:65536/",
            "http://a:x/", "http://a..b/", "http://a%2eb/", "http://[::1", "http://[::1]x/", "http://[1.2.3.4]/",
            "http://[fe80::1%25eth0]/", "http://a\\b/", "http://a/\n", "http://a\x00b/", "http://\ud800/",
            "http://a/\ud800", "http://1.2.3.4.5/", "http://x" + "y" * MAX_URL_CHARACTERS, "http://" + "a" * 64 + "/",
        ):  # fmt: skip
            fault = self.refused(url)
            self.assertEqual((fault.kind, fault.status, fault.code), ("image_refused", 400, "invalid_image_url"), url)

    def test_a_user_name_is_refused_whatever_it_hides(self) -> None:
        for url in ("http://a@b/", "http://a:b@c/", "http://8.8.8.8@127.0.0.1/", "http://@a/"):
            self.assertIn("user name", self.refused(url).message)

    def test_other_ports_are_refused_unless_a_setting_allows_them(self) -> None:
        self.assertIn("images.ports", self.refused("http://a.org:22/").message)
        self.assertIn("images.ports", self.refused("https://a.org/", LOCAL).message)
        self.assertEqual(LOCAL.parse("http://a.org:8080/").port, 8080)
        self.assertEqual(RULES.parse("http://a.org:443/").text, "http://a.org:443/")

    def test_an_address_that_is_not_public_is_refused_unless_a_setting_allows_it(self) -> None:
        self.assertIn("images.allow_private", self.refused("http://127.0.0.1/").message)
        self.assertEqual(LOCAL.parse("http://127.0.0.1/").host, "127.0.0.1")
        self.assertEqual(LOCAL.parse("http://[::ffff:127.0.0.1]/").host, "::ffff:7f00:1")
        self.assertIn("images.allow_private", self.refused("http://10.0.0.1/", LOCAL).message)

    def test_every_address_of_a_name_is_checked(self) -> None:
        RULES.check_addresses("a.org", ("8.8.8.8", "2606:4700:4700::1111"))
        LOCAL.check_addresses("media.lan", ("10.0.0.1",))
        for addresses in (("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("8.8.8.8", "not an address")):
            fault = self.assertRaises(FaultError, RULES.check_addresses, "a.org", addresses).fault
            self.assertEqual(fault.note, "image from a.org: address")

    def test_the_log_gets_the_host_and_never_the_url(self) -> None:
        for url in ("http://a.org:22/secret?secret#secret", "http://127.0.0.1/secret", "http://secret@a.org/"):
            self.assertNotIn("secret", str(self.refused(url).note) + self.refused(url).message)
        self.assertEqual(failure("a.org", "dns", "m").note, "image from a.org: dns")

    @given(st.ip_addresses(), st.data())
    @example(IPv4Address("127.0.0.1"), None)
    @example(IPv4Address("169.254.169.254"), None)
    @example(IPv4Address("10.0.0.1"), None)
    @example(IPv4Address("100.64.0.1"), None)
    @example(IPv6Address("::1"), None)
    @example(IPv6Address("fd00:ec2::254"), None)
    def test_an_address_that_is_not_public_is_refused_in_every_form(
        self, address: IPv4Address | IPv6Address, data: st.DataObject | None
    ) -> None:
        if is_public(address):
            return
        for form in forms(address):
            try:
                url = RULES.parse(f"http://{form}/a.png")
            except FaultError as refused:
                self.assertEqual(refused.fault.kind, "image_refused")
                continue
            addresses = numeric_addresses(url)
            if addresses:
                self.assertRaises(FaultError, RULES.check_addresses, url.host, addresses)

    @given(st.text(max_size=40), st.sampled_from(("", "http://", "https://", "http://a@", "http://[", "HTTP://a:")))
    def test_a_url_is_refused_or_means_the_same_to_the_http_client(self, text: str, start: str) -> None:
        try:
            url = RULES.parse(start + text)
        except FaultError as refused:
            self.assertEqual(refused.fault.kind, "image_refused")
            return
        uri = URI.fromBytes(url.text.encode("ascii"))
        self.assertEqual(
            (uri.scheme.decode(), uri.host.decode().strip("[]"), uri.port), (url.scheme, url.host, url.port)
        )
        self.assertEqual(RULES.parse(url.text), url)


class RedirectTests(SynchronousTestCase):
    source = RULES.parse("https://a.org/b/c.png?d")

    def refused(self, location: str, rules: UrlRules = RULES) -> Fault:
        return self.assertRaises(FaultError, rules.follow, self.source, location).fault

    def test_a_location_is_relative_to_the_url(self) -> None:
        for location, text in (
            ("/x", "https://a.org/x"),
            ("x?y", "https://a.org/b/x?y"),
            ("//c.org/x", "https://c.org/x"),
            ("https://c.org:443/x#y", "https://c.org/x"),
        ):
            self.assertEqual(RULES.follow(self.source, location).text, text)

    def test_the_target_is_checked_as_the_url_is(self) -> None:
        for location in (
            "https://127.0.0.1/", "//[::1]/", "https://a.org:22/", "https://u@a.org/", "file:///etc/passwd",
            "javascript:x", "data:image/png;base64,AA", "https://a\\b/", "x" * (MAX_URL_CHARACTERS + 1),
        ):  # fmt: skip
            self.assertEqual(self.refused(location).kind, "image_refused", location)

    def test_https_does_not_redirect_to_http_unless_a_setting_allows_it(self) -> None:
        self.assertIn("images.redirect_to_http", self.refused("http://a.org/").message)
        self.assertEqual(UrlRules(downgrade=True).follow(self.source, "http://a.org/").text, "http://a.org/")
        plain = RULES.parse("http://a.org/")
        self.assertEqual(RULES.follow(plain, "https://a.org/x").scheme, "https")

    @given(st.text(max_size=40))
    def test_any_location_is_refused_or_followed(self, location: str) -> None:
        try:
            RULES.parse(RULES.follow(self.source, location).text)
        except FaultError as refused:
            self.assertEqual(refused.fault.kind, "image_refused")
