"""The command line of ToolWOZ, from the download to the report, without the pipeline."""
