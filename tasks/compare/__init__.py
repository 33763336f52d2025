"""Runs beside one another on one page: what changed from the first, how surely, at what cost.

    make compare RUNS="reports/evaluation/r1/test/base reports/evaluation/r1/test/josh_sft"

``source`` finds what a run is, ``differences`` compares, ``page`` draws.
"""
