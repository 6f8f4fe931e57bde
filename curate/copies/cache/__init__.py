"""What earlier runs found out about images and pairs, kept on disk."""
