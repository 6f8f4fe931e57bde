"""From evidence to the probability of being a copy."""
