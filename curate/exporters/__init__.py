"""Formats in which images are taken out: one file a format."""
