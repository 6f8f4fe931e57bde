"""A store in a bucket, by obstore; credentials come from the environment of each machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from curate.errors import CurateError, ResourceError
from curate.files import scratch_beside
from curate.object_store import connect, explain_fault
from curate.secrets import without_secrets

_HINT = "check the address of --shared, and the credentials in the environment of each node"


class ObjectGone(ResourceError):
    """There is no such object, or not any more."""


class BucketStore:
    """Objects below a prefix of a bucket."""

    def __init__(
        self, url: str, folder: str, *, noun: str = "the shared store", hint: str = _HINT
    ) -> None:
        """Name the bucket and prefix.

        Args:
            url: What the store is addressed by.
            folder: What the keys of its objects begin with there, and no others.
            noun: What people are told that the store is.
            hint: What they are told to do where it cannot be used.

        Raises:
            InputError: There is no such address.
            ResourceError: The extra ``cloud`` is not installed.
        """
        self.address = without_secrets(url)
        self._noun, self._hint = noun, hint
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
        """Copy an object into a file; see `curate.engine.store.SharedStore`.

        Raises:
            ObjectGone: It is not there.
            CurateError: The store cannot be read.
        """
        scratch = scratch_beside(path)
        try:
            with scratch.open("wb") as file:
                for chunk in self._obstore.get(self._store, self._full(key)).stream():
                    file.write(chunk)
            scratch.replace(path)
        except FileNotFoundError:
            raise ObjectGone(f"{self.address} has no {key} (any more)", hint=self._hint) from None
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None
        finally:
            scratch.unlink(missing_ok=True)

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield keys; see `curate.engine.store.SharedStore`."""
        yield from sorted(self.list_times(prefix))

    def list_times(self, prefix: str) -> dict[str, float]:
        """Return the keys that begin so and when each was stored, seconds of the bucket's clock.

        Args:
            prefix: Up to a ``/``.

        Raises:
            CurateError: The store cannot be read.
        """
        below = len(self._full(""))
        try:
            return {
                meta["path"][below:]: meta["last_modified"].timestamp()
                for batch in self._obstore.list(self._store, self._full(prefix))
                for meta in batch
            }
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None

    def remove(self, prefix: str) -> None:
        """Remove objects; see `curate.engine.store.SharedStore`."""
        self.remove_keys(list(self.list_keys(prefix)) if prefix.endswith("/") else [prefix])

    def remove_keys(self, keys: Sequence[str]) -> None:
        """Remove objects; one that is not there is fine.

        Raises:
            CurateError: The store cannot be written.
        """
        try:
            if keys:
                self._obstore.delete(self._store, [self._full(key) for key in keys])
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error) from None

    def _full(self, key: str) -> str:
        return f"{self._prefix}/{key}"

    def _explain(self, error: Any) -> CurateError:  # noqa: ANN401 - of obstore
        """Return what an error of obstore is to us, without what is secret."""
        said = explain_fault(error, "the bucket").text
        return ResourceError(f"{self._noun} {self.address} cannot be used: {said}", hint=self._hint)
