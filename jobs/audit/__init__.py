"""What is wrong with the data: bad clips, silence, duplicates. Imports no torch."""
