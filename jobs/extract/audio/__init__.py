"""From a file to samples, and the facts about the recording."""
