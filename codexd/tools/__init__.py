"""Tool calls as text: found in what a model writes, and written for clients that only read text. Sans I/O."""
