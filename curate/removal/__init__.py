"""Removal: files leave a source only where their content is proved to stay, and can come back."""
