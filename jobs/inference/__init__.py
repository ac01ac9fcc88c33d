"""What a finished ensemble says of clips that nobody has seen, from an output or from an export."""
