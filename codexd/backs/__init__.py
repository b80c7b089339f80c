"""Model protocols: turns to back end commands, back end messages to neutral events. Sans I/O."""
