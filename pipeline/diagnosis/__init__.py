"""What may keep a launch from running on this machine or cluster, found before anything waits."""
