"""What tars, tables and clips have in common: one file of a store that holds many images."""

from curate.sources.file_list import FileListBuilder
from curate.sources.store import FileFacts, Store


class StoredContainer:
    """One file with images, asked for its version once."""

    is_one_file = True

    def __init__(self, store: Store, name: str) -> None:
        """Name the file.

        Args:
            store: Where it lies.
            name: Its name there, and its path below the source.
        """
        self._store, self.name = store, name
        self._facts: FileFacts | None = None
        self._builder = FileListBuilder()

    def find_version(self) -> str:
        """Return what tells that it is the file that was read.

        Raises:
            OSError: It is not there or cannot be reached.
        """
        self._facts = self._facts or self._store.find_facts(self.name)
        return self._facts.version
