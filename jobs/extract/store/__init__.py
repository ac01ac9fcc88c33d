"""Features on disk: shards, their index, and the store that knows where each FeatureSet lies."""
