"""What `dvc plots` draws: small tables that the stages write beside their reports.

One module a plot, and none of them decides anything: dvc.yaml says how each is drawn, with DVC's
own templates or those of .dvc/plots.
"""
