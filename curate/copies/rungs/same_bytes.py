"""The rung ``bytes``: files of the same bytes."""

from collections.abc import Sequence

from curate.choices import Level
from curate.copies.records import Images, QueryImage
from curate.copies.rungs.base import EqualKeys


class SameBytes(EqualKeys):
    """Calls images of the same content hash copies."""

    level = Level.BYTES

    def list_keys(self, images: Images) -> Sequence[str]:
        """Return the content hash of each image."""
        return images.content_hash

    def make_key(self, query: QueryImage) -> str:
        """Return the content hash of a query image."""
        return query.content_hash
