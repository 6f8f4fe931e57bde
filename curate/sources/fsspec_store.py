"""Addresses that only fsspec knows, such as ``hf://``, ``ftp://`` or ``github://``."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from curate.errors import InputError, ResourceError, first_line
from curate.secrets import clean_text
from curate.sources.names import escape, unescape
from curate.sources.remote import Answer, CutOffError, RemoteStore
from curate.sources.store import FileChanged, FileFacts


class FsspecStore(RemoteStore):
    """Objects below an address of fsspec."""

    def __init__(self, url: str) -> None:
        """Name the address.

        Args:
            url: Such as ``hf://datasets/name``.

        Raises:
            InputError: fsspec knows no such address, or lacks a package for it.
            ResourceError: fsspec is not installed.
        """
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise ResourceError(
                "this address needs the package fsspec", hint="pip install 'curate-images[cloud]'"
            ) from None
        try:
            self._files, root = url_to_fs(url)
        except Exception as error:  # noqa: BLE001 - each library has its own
            raise InputError(
                f"the address cannot be used: {clean_text(first_line(error))}",
                hint="name a folder, a file, a bucket such as s3://name, or a URL",
            ) from None
        self._root = root.rstrip("/")

    def list_objects(self) -> Iterator[tuple[str, FileFacts]]:
        """Yield name and facts of all objects, in the server's order.

        Raises:
            OSError: They cannot be listed.
            CutOffError: The server failed in a way that may pass.
        """
        with _calling("the address"):
            found = self._files.find(self._root, detail=True)
        for path, facts in found.items():
            yield escape(path[len(self._root) :].lstrip("/").encode()), _make_facts(facts)

    def ask_facts(self, name: str) -> FileFacts:
        """Ask once what the server knows of an object; see `RemoteStore`.

        Raises:
            CutOffError: The server failed in a way that may pass.
            OSError: It will not tell.
        """
        with _calling(name):
            return _make_facts(self._files.info(self._path(name)))

    def ask(self, name: str, version: str | None, start: int, end: int | None) -> Answer:
        """Ask once for bytes of an object; see `RemoteStore`.

        Raises:
            CutOffError: The server failed in a way that may pass.
            OSError: It will not give it.
            FileChanged: It is another version.
        """
        facts = self.ask_facts(name)
        if version is not None and facts.version != version:
            raise FileChanged(name)
        with _calling(name):
            content = self._files.cat_file(self._path(name), start=start or None, end=end)
        return Answer(facts=facts, chunks=iter([content]))

    def _path(self, name: str) -> str:
        return f"{self._root}/{unescape(name).decode()}" if name else self._root


@contextmanager
def _calling(name: str) -> Iterator[None]:
    """Turn what a file system raises into what we raise; its text may hold what is secret.

    Raises:
        CutOffError: It failed in a way that may pass.
        OSError: It is not there, or not for us.
    """
    try:
        yield
    except FileNotFoundError:
        raise OSError(errno.ENOENT, f"404: {name} is not there") from None
    except PermissionError:
        raise OSError(errno.EACCES, f"403: access to {name} is denied") from None
    except (ValueError, RuntimeError, LookupError, TypeError) as error:
        said = clean_text(first_line(error))
        raise OSError(errno.EIO, f"{type(error).__name__}: {said}") from None
    except Exception as error:  # noqa: BLE001 - each library has its own, httpx's are no OSError
        raise CutOffError(f"the server cannot be reached: {type(error).__name__}") from None


def _make_facts(facts: Any) -> FileFacts:  # noqa: ANN401 - what a file system of fsspec says
    size = int(facts.get("size") or 0)
    tag = next((facts[key] for key in ("ETag", "etag", "sha256", "oid") if facts.get(key)), None)
    changed_at = facts.get("mtime") or facts.get("LastModified") or facts.get("created") or 0
    seconds = changed_at.timestamp() if hasattr(changed_at, "timestamp") else float(changed_at)
    mtime_ns = int(seconds) * 10**9
    return FileFacts(bytes=size, version=str(tag or f"{mtime_ns}-{size}"), mtime_ns=mtime_ns)
