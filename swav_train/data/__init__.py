"""The images on their way to a step: where they are, in what order, batch by batch."""
