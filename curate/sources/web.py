"""Web servers: files by their URLs, over one pool of connections.

obstore reads buckets; it takes no URL with a query, such as a signed one, so these go by urllib3.
"""

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any
from urllib.parse import unquote

from curate.errors import ResourceError
from curate.secrets import without_secrets
from curate.sources.remote import N_PARALLEL, Answer, CutOffError, RemoteStore
from curate.sources.store import FileChanged, FileFacts
from curate.version import __version__

SCHEMES = ("http", "https")
_CHUNK = 1 << 18
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_SAID = {
    401: "401: the credentials are missing, wrong or expired",
    403: "403: access is denied",
    404: "404: it is not there",
    410: "410: it is gone",
}
_NOT_MODIFIED, _PRECONDITION, _PARTIAL, _RANGE = 304, 412, 206, 416


class NotModified(Exception):
    """The object is the one that was read before."""


class WebStore(RemoteStore):
    """Files of web servers; their names are URLs without secrets, or paths below a base URL."""

    def __init__(self, base: str = "") -> None:
        """Open no connection yet.

        Args:
            base: What names are below; a query in it is kept.

        Raises:
            ResourceError: The extra ``cloud`` is not installed.
        """
        try:
            import urllib3
        except ImportError:
            raise ResourceError(
                "web addresses need the package urllib3", hint="pip install 'curate-images[cloud]'"
            ) from None
        self._urllib3 = urllib3
        self._base = base
        self._full: dict[str, str] = {}
        self._lock = Lock()
        timeout = urllib3.Timeout(connect=20, read=60)
        self._pool = urllib3.PoolManager(maxsize=N_PARALLEL, timeout=timeout, retries=False)

    def know(self, name: str, url: str) -> None:
        """Note the whole URL, secrets and all, of a name."""
        with self._lock:
            self._full[name] = url

    def ask_facts(self, name: str) -> FileFacts:
        """Ask once what the server knows of a file; see `RemoteStore`."""
        answer = self._request("HEAD", name, {})
        answer.drain_conn()
        if answer.status in (400, 403, 405, 501):  # signed for GET only, or no HEAD here
            answer = self._request("GET", name, {"Range": "bytes=0-0"})
            answer.drain_conn()
        self._check(answer.status, name)
        return _make_facts(answer)

    def ask(
        self,
        name: str,
        version: str | None,
        start: int,
        end: int | None,
        *,
        url: str | None = None,
        unless: str | None = None,
    ) -> Answer:
        """Ask once for bytes of a file; see `RemoteStore`.

        Args:
            name: Of the file.
            version: Which it must be, or None.
            start: First byte.
            end: The byte after the last; None for all.
            url: The whole URL, where it is not known by the name.
            unless: The version that is not wanted.

        Raises:
            NotModified: It is the version that is not wanted.
            CutOffError: The server failed in a way that may pass.
            OSError: It will not give the file.
            FileChanged: It is another version.
        """
        headers = {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        if version is not None and version.startswith('"'):
            headers["If-Match"] = version
        if unless is not None and unless.startswith(('"', "W/")):
            headers["If-None-Match"] = unless
        answer = self._request("GET", name, headers, url=url)
        with ExitStack() as stack:
            stack.callback(answer.drain_conn if answer.status >= 300 else answer.close)
            self._check(answer.status, name)
            facts = _make_facts(answer)
            if unless is not None and facts.version == unless:
                raise NotModified
            if version is not None and facts.version != version:
                raise FileChanged(name)
            stack.pop_all()
        # some servers give a part under the status of the whole
        is_part = answer.status == _PARTIAL or "Content-Range" in answer.headers
        skip = start if headers.get("Range") and not is_part else 0
        limit = None if end is None else end - start
        return Answer(facts=facts, chunks=self._iterate(answer, skip, limit))

    def _request(
        self, method: str, name: str, headers: dict[str, str], *, url: str | None = None
    ) -> Any:  # noqa: ANN401 - of urllib3
        """Return the answer of a server, whose body is not read yet.

        Raises:
            CutOffError: There is none.
            OSError: The URL is none.
        """
        exceptions = self._urllib3.exceptions
        headers = {"User-Agent": f"curate/{__version__}", "Accept-Encoding": "identity", **headers}
        url = url or self._url(name)
        try:
            user = self._urllib3.util.parse_url(url).auth
            if user is not None:  # urllib3 sends it to no other host that redirects lead to
                headers |= self._urllib3.make_headers(basic_auth=unquote(user))
            return self._pool.request(
                method,
                url,
                headers=headers,
                preload_content=False,
                redirect=True,
                retries=self._urllib3.Retry(total=5, connect=0, read=0, status=0, redirect=5),
            )
        except exceptions.MaxRetryError as error:
            raise CutOffError(_say(error.reason)) from None
        except (exceptions.LocationParseError, exceptions.LocationValueError, UnicodeError):
            raise OSError(errno.EINVAL, "it is no address of a web server") from None
        except exceptions.HTTPError as error:
            raise CutOffError(_say(error)) from None

    def _iterate(self, answer: Any, skip: int, limit: int | None) -> Iterator[bytes]:  # noqa: ANN401
        """Yield the body, of a server that gives no parts without what was not asked for.

        Raises:
            CutOffError: It ends early.
        """
        left = limit
        is_whole = False
        try:
            for chunk in answer.stream(_CHUNK, decode_content=False):
                part = chunk[skip:] if skip < len(chunk) else b""
                skip = max(0, skip - len(chunk))
                if left is not None:
                    part = part[:left]
                    left -= len(part)
                if part:
                    yield part
            is_whole = True
        except (self._urllib3.exceptions.HTTPError, OSError) as error:
            raise CutOffError(_say(error)) from None
        finally:
            if is_whole and not (limit is not None and answer.status != _PARTIAL):
                answer.release_conn()  # nothing of it is left unread
            else:
                answer.close()

    def _url(self, name: str) -> str:
        with self._lock:
            known = self._full.get(name)
        if known is not None:
            return known
        if not self._base:
            return name
        path, mark, query = self._base.partition("?")
        return f"{path.rstrip('/')}/{name}{mark}{query}"

    def _check(self, status: int, name: str) -> None:
        """Check the status of an answer.

        Raises:
            NotModified: The file is the one that was read before.
            CutOffError: The server failed in a way that may pass.
            OSError: It will not give the file.
            FileChanged: It is another version.
        """
        if status < 300:
            return
        if status == _NOT_MODIFIED:
            raise NotModified
        if status in (_PRECONDITION, _RANGE):
            raise FileChanged(without_secrets(name))
        if status in _PASSING:
            raise CutOffError(f"the server answers {status}")
        raise OSError(errno.EIO, _SAID.get(status, f"the server answers {status}"))


def _say(error: object) -> str:
    """Return in words what failed; the text of a library may hold the URL."""
    name = type(error).__name__
    if "SSL" in name or "Certificate" in name:
        return "the server's certificate is not trusted"
    if "Timeout" in name:
        return "the server does not answer in time"
    if name in ("IncompleteRead", "ProtocolError"):
        return "the answer ends early"
    return "the server cannot be reached"


def _make_facts(answer: Any) -> FileFacts:  # noqa: ANN401 - of urllib3
    """Return what the headers of an answer say of the whole file."""
    headers = answer.headers
    total = headers.get("Content-Range", "").rpartition("/")[2]
    size = int(total) if total.isdigit() else int(headers.get("Content-Length") or 0)
    mtime_ns = 0
    if "Last-Modified" in headers:
        try:
            mtime_ns = int(parsedate_to_datetime(headers["Last-Modified"]).timestamp()) * 10**9
        except (ValueError, TypeError):
            mtime_ns = 0
    version = headers.get("ETag") or f"{mtime_ns}-{size}"
    return FileFacts(bytes=size, version=version, mtime_ns=mtime_ns)
