"""Back end for Codex: supervised app-server child processes and the threads on them."""
