"""Between the front and the back ends: which of them answers a turn, and who is asked next if it cannot."""
