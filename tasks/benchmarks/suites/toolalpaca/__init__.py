"""ToolAlpaca: calls of unseen APIs, by match and by judge."""
