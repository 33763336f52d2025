"""The command line: ToolWOZ from the download to the report, without the rest of the pipeline."""
