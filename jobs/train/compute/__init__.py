"""What a run computes on, and how: device, memory, precision; each choice is recorded."""
