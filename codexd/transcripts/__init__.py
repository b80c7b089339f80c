"""The text form of recorded exchanges: golden scenarios, and the comparison of two recordings."""
