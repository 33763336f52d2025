"""ToolWOZ: MultiWOZ as a world of users and tools, with one sparse reward per goal call."""
