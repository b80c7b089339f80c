"""Chat Completions servers: encode a Turn as a request and decode the stream to neutral events. Sans I/O."""
