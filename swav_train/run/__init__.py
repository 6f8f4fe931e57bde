"""A training from its first step to the folder with the model."""
