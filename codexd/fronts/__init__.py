"""The clients' dialects: a request body to a Turn, neutral events to that client's bytes."""
