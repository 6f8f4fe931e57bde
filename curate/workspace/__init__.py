"""Everything in the workspace ``.curate``: layout, lock, catalogue, pixels, models, vectors."""
