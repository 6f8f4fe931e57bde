"""Pure algorithms: arrays in, arrays out; nothing of the rest of the program."""
