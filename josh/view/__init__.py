"""Trees to look at, in a terminal and in a browser."""
