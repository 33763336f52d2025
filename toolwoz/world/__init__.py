"""The simulated world: scenarios, databases, tools, rewards."""
