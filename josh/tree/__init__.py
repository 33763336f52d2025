"""Trees, which a search leaves behind: nodes, trees, files of trees."""
