"""`codexd smoke URL`: sends requests to each endpoint of a running daemon, and checks the responses."""
