"""Images of a workspace that are like some query images."""
