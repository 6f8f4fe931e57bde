"""The rungs of the ladder of evidence: one file each."""
