"""What a test like this one should give: a score without the luck of the selection, an interval."""
