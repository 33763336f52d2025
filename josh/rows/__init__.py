"""Training rows from trees."""
