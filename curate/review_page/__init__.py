"""The review: a page on this machine to confirm or overrule, and the log of what was decided."""
