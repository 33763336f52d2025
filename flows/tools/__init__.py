"""Commands around the pipeline: the screens, tables, plots, the fine-tuning file."""
