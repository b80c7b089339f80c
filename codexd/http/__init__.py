"""The front rim: Twisted Web and Klein around the clients' dialects."""
