"""Administration of a running daemon: its control socket, and the client that the `codexd` command uses."""
