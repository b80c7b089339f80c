"""The commands `codexd login`, `logout` and `account`, which use a short-lived app-server of their own."""
