"""What a search leaves: nodes, trees, files of trees."""
