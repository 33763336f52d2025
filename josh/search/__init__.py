"""The search: branch, reward, collapse."""
