"""Manifests: their columns, and tables in files that are read and written in parts."""
