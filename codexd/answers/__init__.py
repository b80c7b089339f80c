"""The lifecycle of an answer, from its first event to the last byte sent."""
