"""The process rim: children, and the life of the slots they run in."""
