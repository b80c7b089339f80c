"""Faults at every point of a turn, over the whole daemon with processes, connections and time in memory."""
