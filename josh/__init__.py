"""JOSH: a tree search over dialogues that turns sparse rewards into training data.

Read ``dialogue.protocols``, ``search.search``, ``tree.tree``: what the search needs, does, and
leaves behind. Then, as needed: ``search`` (its settings, one branch, the answers it is given),
``harvesting`` (many dialogues at once, over several engines, continued after a kill), ``rows``
(training rows), ``tree.store`` and ``view`` (trees in files, in a terminal, on a page).
"""
