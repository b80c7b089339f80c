"""The HTTP server: Twisted Web and Klein around the clients' dialects."""
