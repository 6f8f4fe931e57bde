"""Work in shards, here or on other machines: what is done, where it meets, and who does it."""
