"""JOSH: a tree search over dialogues that turns sparse rewards into training data."""
