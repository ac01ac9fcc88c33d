"""What exists: clips, the manifest that orders them, the split, and every path of a workspace."""
