"""One image: bytes in, pixels and facts out."""
