"""A shared store in a bucket, by obstore; credentials come from the environment of each machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curate.errors import CurateError, ResourceError, first_line
from curate.files import scratch_beside
from curate.object_store import connect
from curate.secrets import clean_text, without_secrets

_HINT = "check the address of --shared, and the credentials in the environment of each node"


class BucketStore:
    """Objects below a prefix of a bucket."""

    def __init__(self, url: str, folder: str) -> None:
        """Name the bucket and prefix.

        Args:
            url: What the store is addressed by.
            folder: What the keys of its objects begin with there, and no others.

        Raises:
            InputError: There is no such address.
            ResourceError: The extra ``cloud`` is not installed.
        """
        self.address = without_secrets(url)
        self._store, prefix = connect(url)
        self._prefix = f"{prefix}/{folder}" if prefix else folder
        import obstore
        from obstore import exceptions

        self._obstore, self._errors = obstore, exceptions

    def put_new(self, key: str, content: bytes) -> bool:
        """Store an object unless there is one; see `curate.engine.store.SharedStore`."""
        try:
            self._obstore.put(self._store, self._full(key), content, mode="create")
        except self._errors.AlreadyExistsError:
            return False
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None
        return True

    def put(self, key: str, content: bytes) -> None:
        """Store an object; see `curate.engine.store.SharedStore`."""
        try:
            self._obstore.put(self._store, self._full(key), content)
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None

    def put_file(self, key: str, path: Path) -> None:
        """Store a file, in parts where it is large; see `curate.engine.store.SharedStore`."""
        try:
            found = self._obstore.head(self._store, self._full(key))
        except FileNotFoundError:
            found = None
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None
        if found is not None and found["size"] == path.stat().st_size:
            return
        try:
            with path.open("rb") as file:
                self._obstore.put(self._store, self._full(key), file)
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None

    def get(self, key: str) -> bytes | None:
        """Return an object; see `curate.engine.store.SharedStore`."""
        try:
            return bytes(self._obstore.get(self._store, self._full(key)).bytes())
        except FileNotFoundError:
            return None
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None

    def fetch(self, key: str, path: Path) -> None:
        """Copy an object into a file; see `curate.engine.store.SharedStore`."""
        scratch = scratch_beside(path)
        try:
            with scratch.open("wb") as file:
                for chunk in self._obstore.get(self._store, self._full(key)).stream():
                    file.write(chunk)
            scratch.replace(path)
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None
        finally:
            scratch.unlink(missing_ok=True)

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield keys; see `curate.engine.store.SharedStore`."""
        below = len(self._full(""))
        try:
            keys = [
                meta["path"][below:]
                for batch in self._obstore.list(self._store, self._full(prefix))
                for meta in batch
            ]
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None
        yield from sorted(keys)

    def remove(self, prefix: str) -> None:
        """Remove objects; see `curate.engine.store.SharedStore`."""
        is_one = not prefix.endswith("/")
        keys = [self._full(key) for key in ([prefix] if is_one else self.list_keys(prefix))]
        try:
            if keys:
                self._obstore.delete(self._store, keys)
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None

    def _full(self, key: str) -> str:
        return f"{self._prefix}/{key}"

    def _explain(self, error: Any) -> CurateError:  # noqa: ANN401 - of obstore
        """Return what an error of obstore is to us, without what is secret."""
        said = clean_text(first_line(error))
        return ResourceError(f"the shared store {self.address} cannot be used: {said}", hint=_HINT)
