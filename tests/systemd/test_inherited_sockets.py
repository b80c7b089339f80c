"""Inherited sockets are found by name, with their domain and with who can reach them."""

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from codexd.systemd import inherited_sockets
from codexd.systemd.inherited_sockets import InheritedSockets, check_form, is_inherited

PID = 7


class InheritedSocketsTests(SynchronousTestCase):
    def inherit(self, names: str, *sockets: socket.socket, **environ: str) -> InheritedSockets:
        """Find sockets whose descriptors follow one another, as a service manager passes them."""
        base = max(200, *(fd + 1 for fd in map(int, os.listdir("/proc/self/fd"))))
        for place, one in enumerate(sockets):
            os.dup2(one.fileno(), base + place)
            self.addCleanup(os.close, base + place)
        self.patch(inherited_sockets, "_FIRST", base)
        return InheritedSockets.from_environment({"LISTEN_FDNAMES": names} | environ, PID)

    def listening(self, family: int, address: object) -> socket.socket:
        one = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(one.close)
        one.bind(address)  # type: ignore[arg-type]
        one.listen()
        return one

    def test_each_has_its_domain_and_its_reach(self) -> None:
        path = self.mktemp()
        found = self.inherit(
            "http:wide:six:file",
            self.listening(socket.AF_INET, ("127.0.0.1", 0)),
            self.listening(socket.AF_INET, ("0.0.0.0", 0)),
            self.listening(socket.AF_INET6, ("::1", 0)),
            self.listening(socket.AF_UNIX, path),
        )
        self.assertEqual(
            [(one.name, one.family, one.is_local) for one in found.sockets],
            [("http", "INET", True), ("wide", "INET", False), ("six", "INET6", True), ("file", "UNIX", True)],
        )
        self.assertEqual(found.descriptions[0], "systemd:domain=INET:name=http")
        for description, one in zip(found.descriptions, found.sockets, strict=True):
            check_form(description)
            self.assertEqual(found.find(description), one)

    def test_equal_names_are_told_apart_by_their_place(self) -> None:
        found = self.inherit(
            "http:http",
            self.listening(socket.AF_INET, ("127.0.0.1", 0)),
            self.listening(socket.AF_INET, ("127.0.0.1", 0)),
        )
        self.assertEqual(found.descriptions, ("systemd:domain=INET:index=0", "systemd:domain=INET:index=1"))
        self.assertEqual([found.find(one) for one in found.descriptions], list(found.sockets))

    def test_what_is_no_listening_stream_socket_is_left_out(self) -> None:
        datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        unbound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for one in (datagrams, unbound):
            self.addCleanup(one.close)
        self.assertEqual(self.inherit("a:b:c", datagrams, unbound).sockets, ())

    def test_sockets_of_another_process_are_not_used(self) -> None:
        one = self.listening(socket.AF_INET, ("127.0.0.1", 0))
        self.assertEqual(self.inherit("http", one, LISTEN_PID="8").sockets, ())
        self.assertEqual(len(self.inherit("http", one, LISTEN_PID="7").sockets), 1)
        self.assertEqual(InheritedSockets.from_environment({}, PID).sockets, ())

    def test_another_domain_or_name_is_not_found(self) -> None:
        found = self.inherit("http", self.listening(socket.AF_INET, ("127.0.0.1", 0)))
        for text in ("systemd:domain=UNIX:name=http", "systemd:domain=INET:name=x", "systemd:domain=INET:index=1", ""):
            self.assertIsNone(found.find(text))

    def test_the_form_of_an_endpoint_is_checked(self) -> None:
        for text in (
            "systemd:",
            "systemd:domain=INET",
            "systemd:domain=TCP:name=http",
            "systemd:name=http:domain=INET",
        ):
            self.assertTrue(is_inherited(text))
            self.assertIn("write systemd:domain=INET:name=http", str(self.assertRaises(ValueError, check_form, text)))
