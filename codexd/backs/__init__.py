"""The models' dialects: a Turn to a back end's commands, its messages to neutral events. Sans I/O."""
