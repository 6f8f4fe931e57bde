"""The stages: one file per command; they meet only in files, never in calls between each other."""
