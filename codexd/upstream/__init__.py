"""Chat Completions servers over HTTP, with treq: connections, deadlines, repetitions, lists of models."""
