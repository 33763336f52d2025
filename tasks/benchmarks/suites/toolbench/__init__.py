"""ToolBench: calls of many APIs, by match and by judged pass rate."""
