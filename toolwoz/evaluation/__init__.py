"""Playing scenarios, and what the results show."""
