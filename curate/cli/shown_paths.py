"""Paths as people are told them: from where they stand, where that is shorter."""

from pathlib import Path

from curate.workspace.bucket_address import show_addresses


def show_path(path: str) -> str:
    """Return a path from the working directory on if it lies below it, else as it is.

    One in the mirror of a workspace is called by the address of that.

    >>> show_path(str(Path.cwd() / "images"))
    'images'
    >>> show_path("s3://bucket/images")
    's3://bucket/images'
    """
    path, here = show_addresses(path), Path.cwd()
    if not Path(path).is_relative_to(here) or Path(path) == here:
        return path
    return str(Path(path).relative_to(here))


def show_source(address: str) -> str:
    """Return the address of a source, or those of several, as people are told it.

    >>> show_source('["a.tar", "s3://bucket/images"]')
    'a.tar, s3://bucket/images'
    """
    from curate.sources import split_address

    return ", ".join(show_path(str(one)) for one in split_address(address))
