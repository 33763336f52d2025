"""What training is made of: recipes, rows, guards, TRL's trainers, several processes, files."""
