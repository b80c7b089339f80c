"""The clients' dialects: decode request bodies into Turns, encode neutral events for the client."""
