"""codexd as a service of systemd: notifications, watchdog, inherited sockets, unit files."""
