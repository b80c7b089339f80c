"""Runs real client programs against codexd (`make clients`)."""
