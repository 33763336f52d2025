"""JOSH: a tree search over dialogues that turns sparse rewards into training data.

Read ``protocols``, ``search``, ``tree``: what it meets, does, and leaves behind. Then, as needed:
``config`` (every option), ``leaf`` and ``dialogue`` (one branch, and where its answers come from),
``scheduler`` (many dialogues), ``journal`` and ``replay`` (nothing lost, nothing asked twice),
``extractors`` and ``curation`` (training rows), ``store``,
``show`` and ``html`` (trees in files, in a terminal, on a page).
"""
