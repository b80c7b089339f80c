"""Tool calls as text: find the calls a model writes, and write calls for clients that read text. Sans I/O."""
