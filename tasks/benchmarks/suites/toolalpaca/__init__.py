"""ToolAlpaca."""
