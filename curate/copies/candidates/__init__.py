"""Pairs of images that may be copies."""
