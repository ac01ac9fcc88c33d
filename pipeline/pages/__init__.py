"""What is printed and what is drawn."""
