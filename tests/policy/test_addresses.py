"""Tests of codexd.policy.addresses."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from codexd.policy.addresses import AllowedHosts, embedded_address, is_host_name, is_public, parse_address

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
)
REFUSED = (
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.19.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "2a00:1450:4001:80b:0:5efe:7f00:1",
    "2a00:1450:4001:80b:200:5efe:808:808",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
)


class AddressTests(SynchronousTestCase):
    def test_public_addresses_are_public(self) -> None:
        for text in PUBLIC:
            self.assertTrue(is_public(ip_address(text)), text)

    def test_all_others_are_not(self) -> None:
        for text in REFUSED:
            self.assertFalse(is_public(ip_address(text)), text)

    @given(st.ip_addresses())
    def test_no_address_is_public_that_python_does_not_call_global(self, address: IPv4Address | IPv6Address) -> None:
        reached = (embedded_address(address) if isinstance(address, IPv6Address) else None) or address
        self.assertLessEqual(is_public(address), reached.is_global)

    @given(st.ip_addresses(v=4))
    def test_an_embedded_address_is_public_if_it_is_public_itself(self, address: IPv4Address) -> None:
        for prefix in (0xFFFF << 32, 0x64FF9B << 96):
            self.assertEqual(is_public(IPv6Address(prefix | int(address))), is_public(address))
        for prefix in (0, 0x2002 << 112, 0x20010000 << 96):
            self.assertFalse(is_public(IPv6Address(prefix | int(address) << (80 if prefix >> 112 == 0x2002 else 0))))

    def test_a_name_is_no_address(self) -> None:
        self.assertIsNone(parse_address("example.org"))
        self.assertIsNone(parse_address("127.1"))


class AllowedHostsTests(SynchronousTestCase):
    def permits(self, entry: str, host: str, address: str) -> bool:
        return AllowedHosts.parse((entry,)).permits(host, ip_address(address))

    def test_a_network_permits_its_addresses_also_if_they_are_embedded(self) -> None:
        self.assertTrue(self.permits("10.1.0.0/16", "a", "10.1.2.3"))
        self.assertTrue(self.permits("10.1.0.0/16", "a", "::ffff:10.1.2.3"))
        self.assertFalse(self.permits("10.1.0.0/16", "a", "10.2.2.3"))
        self.assertTrue(self.permits("127.0.0.1", "a", "127.0.0.1"))
        self.assertTrue(self.permits("fd00::/8", "a", "fd12::1"))
        self.assertFalse(self.permits("fd00::/8", "a", "10.1.2.3"))

    def test_a_name_permits_whatever_it_resolves_to_and_no_other_name(self) -> None:
        self.assertTrue(self.permits("Media.lan", "media.LAN.", "10.1.2.3"))
        self.assertFalse(self.permits("media.lan", "x.media.lan", "10.1.2.3"))

    def test_nothing_else_can_be_allowed(self) -> None:
        for entry in ("", "10.0.0.1/8", "10.0.0.0/33", "http://a/", "a b", "*", "a:80", "[::1]"):
            self.assertRaises(ValueError, AllowedHosts.parse, (entry,))

    def test_a_host_name_has_labels_of_letters_and_its_last_one_is_no_number(self) -> None:
        for name in ("a", "a.b", "a_b.c-d.e", "a.b.", "x" * 63):
            self.assertTrue(is_host_name(name), name)
        for name in ("", ".", "a..b", "a b", "A", "x" * 64, "1.2", "1", "é", "a.b..", ".".join(["x" * 63] * 5)):
            self.assertFalse(is_host_name(name), name)
