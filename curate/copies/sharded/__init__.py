"""The costly steps of the search for copies on an engine: the same functions, on other machines."""
