"""Copies: gather evidence, verify it on the pixels, group, choose what stays."""
