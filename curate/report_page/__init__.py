"""The report: one self-contained page that says what is in a folder and what to do about it."""
