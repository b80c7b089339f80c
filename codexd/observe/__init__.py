"""What is known afterwards: one log line a request, and counters with bounded labels."""
