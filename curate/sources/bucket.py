"""Buckets: S3, Google Cloud Storage, Azure, by obstore; what else there is, by fsspec."""

import errno
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from curate.object_store import connect, explain_fault
from curate.sources.names import escape, unescape
from curate.sources.remote import Answer, CutOffError, RemoteStore
from curate.sources.store import FileChanged, FileFacts
from curate.sources.web import WebStore

SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss", "adl")
_CHUNK = 1 << 20
_TIME = "time "  # begins a version where a server gives no ETag
_NOT_PARTIAL = "non-partial response"  # of obstore, to a part under the status of the whole
_SIGNED_FOR = timedelta(hours=1)


class BucketStore(RemoteStore):
    """Objects of a bucket below a prefix."""

    def __init__(self, url: str) -> None:
        """Name the bucket; credentials come from the environment, as the cloud's tools have it.

        Args:
            url: Such as ``s3://bucket/prefix``.

        Raises:
            InputError: There is no such address.
            ResourceError: The extra ``cloud`` is not installed.
        """
        self._store, self._prefix = connect(url)
        import obstore
        from obstore import exceptions

        self._obstore, self._errors = obstore, exceptions
        self._parts_by: WebStore | None = None

    def list_objects(self) -> Iterator[tuple[str, FileFacts]]:
        """Yield name and facts of all objects below the prefix, in the server's order.

        Raises:
            OSError: They cannot be listed.
        """
        try:
            for batch in self._obstore.list(self._store, self._prefix or None):
                for meta in batch:
                    name = meta["path"][len(self._prefix) :].lstrip("/")
                    yield escape(name.encode()), _make_facts(meta)
        except (self._errors.BaseError, OSError) as error:
            said = self._explain(error, "the bucket")
            raise (said if isinstance(said, OSError) else OSError(errno.EIO, str(said))) from None

    def ask_facts(self, name: str) -> FileFacts:
        """Ask once what the server knows of an object; see `RemoteStore`."""
        try:
            return _make_facts(self._obstore.head(self._store, self._key(name)))
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error, name) from None

    def ask(self, name: str, version: str | None, start: int, end: int | None) -> Answer:
        """Ask once for bytes of an object; see `RemoteStore`.

        Raises:
            CutOffError: The server failed in a way that may pass.
            OSError: It will not give it.
            FileChanged: It is another version.
        """
        options: Any = {}
        if version is not None and _is_etag(version):
            options["if_match"] = f'"{version}"'
        if end is not None:
            options["range"] = (start, end)
        elif start:
            options["range"] = {"offset": start}
        if self._parts_by is not None and "range" in options:
            return self._ask_signed(self._parts_by, name, version, start, end)
        try:
            found = self._obstore.get(self._store, self._key(name), options=options)
        except (self._errors.BaseError, OSError) as error:
            if _NOT_PARTIAL in str(error):
                self._parts_by = WebStore()
                return self._ask_signed(self._parts_by, name, version, start, end)
            raise self._explain(error, name) from None
        facts = _make_facts(found.meta)
        if version is not None and facts.version != version:
            raise FileChanged(name)
        return Answer(facts=facts, chunks=self._iterate(found))

    def _ask_signed(
        self, web: WebStore, name: str, version: str | None, start: int, end: int | None
    ) -> Answer:
        """Ask by a signed URL for a part that the server gives under the status of the whole.

        obstore refuses such an answer; the S3 server of rclone gives no other.

        Raises:
            FileChanged: It is another version.
        """
        try:
            url = self._obstore.sign(self._store, "GET", self._key(name), _SIGNED_FOR)
        except (self._errors.BaseError, OSError) as error:
            raise self._explain(error, name) from None
        answer = web.ask(name, None, start, end, url=url)
        found = answer.facts
        has_tag = found.version != f"{found.mtime_ns}-{found.bytes}"
        tag = found.version if has_tag else None
        facts = replace(found, version=_make_version(tag, found.mtime_ns, found.bytes))
        if version is not None and facts.version != version:
            raise FileChanged(name)
        return Answer(facts=facts, chunks=answer.chunks)

    def _iterate(self, found: Any) -> Iterator[bytes]:  # noqa: ANN401 - of obstore
        n_bytes = found.range[1] - found.range[0]
        n_read = 0
        try:
            for chunk in found.stream(min_chunk_size=_CHUNK):
                n_read += len(chunk)
                yield bytes(chunk)
        except (self._errors.BaseError, OSError) as error:
            raise CutOffError(explain_fault(error, "the object").text) from None
        if n_read < n_bytes:
            raise CutOffError("the answer ends early")

    def _key(self, name: str) -> str:
        return "/".join(part for part in (self._prefix, unescape(name).decode()) if part)

    def _explain(self, error: Exception, name: str) -> Exception:
        """Return what an error of obstore is to us; its text is not, it may hold what is secret."""
        if isinstance(error, self._errors.PreconditionError | self._errors.NotModifiedError):
            return FileChanged(name)
        fault = explain_fault(error, name)
        return CutOffError(fault.text) if fault.may_pass else OSError(fault.number, fault.text)


def _is_etag(version: str) -> bool:
    """Return whether a version is an ETag, not a time and size, and one that may be asked for."""
    return not version.startswith(_TIME) and not version.startswith("W/")


def _make_facts(meta: Any) -> FileFacts:  # noqa: ANN401 - of obstore
    mtime_ns = int(meta["last_modified"].timestamp()) * 10**9
    version = _make_version(meta.get("e_tag"), mtime_ns, meta["size"])
    return FileFacts(bytes=meta["size"], version=version, mtime_ns=mtime_ns)


def _make_version(tag: str | None, mtime_ns: int, n_bytes: int) -> str:
    """Return the version of an object: its ETag, or time and size where it has none."""
    # Azure quotes it in answers, not in listings
    return (tag or "").strip('"') or f"{_TIME}{mtime_ns}-{n_bytes}"
