"""Formats in which images are exported: one file a format, each built on ``base``."""
