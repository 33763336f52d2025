"""What is checked of rows before any compute."""
