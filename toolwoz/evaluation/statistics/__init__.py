"""Statistics over plain numbers: of one run, and of two runs in pairs."""
