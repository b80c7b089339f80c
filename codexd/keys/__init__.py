"""API keys: the file in which `codexd keys` keeps them, and the counters of their budgets over restarts."""
