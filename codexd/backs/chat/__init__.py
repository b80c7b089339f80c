"""Any Chat Completions server: a Turn to its request, its stream to neutral events. Sans I/O."""
