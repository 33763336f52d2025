"""The search of one dialogue: branch, reward, collapse."""
