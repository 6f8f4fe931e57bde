"""Pipelines: a chain of stages in a TOML file, each run only when something changed."""
