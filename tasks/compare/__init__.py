"""Comparison of runs on one page: changes from the first run, their uncertainty and their cost.

    make compare RUNS="reports/evaluation/r1/test/base reports/evaluation/r1/test/josh_sft"

``source`` reads the runs, ``differences`` compares them, ``page`` draws the comparison.
"""
