"""Servers for tests: a plain web server, an S3 server, and a proxy that is slow and faulty."""

import base64
import hashlib
import hmac
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import formatdate
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Say nothing."""


@contextmanager
def serving(handler):
    """Run a server in threads; give its port."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Files(_Handler):
    """Answers with the files of a folder, with ranges, ETags and conditions."""

    root, statuses, bodies, has_etags = Path(), {}, {}, True

    def do_GET(self):
        self.answer(has_body=True)

    def do_HEAD(self):
        self.answer(has_body=False)

    def answer(self, *, has_body):
        path = self.path.partition("?")[0].lstrip("/")
        if "list-type=2" in self.path:
            self.send(200, {"Content-Type": "application/xml"}, list_bucket(self.root / path))
            return
        if path in self.bodies:
            status, body = self.bodies[path]
            self.send(status, {"Content-Type": "application/xml"}, body)
            return
        file = self.root / path
        status = self.statuses.get(path, 200 if file.is_file() else 404)
        if status != 200:
            self.send(status, {}, b"")
            return
        content = file.read_bytes()
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        headers = {"ETag": etag} if self.has_etags else {}
        headers["Last-Modified"] = self.date_time_string(int(file.stat().st_mtime))
        if self.has_etags and self.headers.get("If-None-Match") == etag:
            self.send(304, headers, b"")
        elif self.has_etags and self.headers.get("If-Match", etag) != etag:
            self.send(412, headers, b"")
        elif asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            start, end = int(asked[1]), int(asked[2] or len(content) - 1) + 1
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
            self.send(206, headers, content[start:end], has_body=has_body)
        else:
            self.send(200, headers, content, has_body=has_body)

    def send(self, status, headers, body, *, has_body=True):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body:
            self.wfile.write(body)


def list_bucket(folder):
    """Return what S3 answers to ListObjectsV2 of a bucket that holds the files of a folder."""
    rows = []
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            facts = file.stat()
            date = datetime.fromtimestamp(int(facts.st_mtime), UTC).isoformat()
            etag = hashlib.md5(file.read_bytes()).hexdigest()
            rows.append(
                f"<Contents><Key>{file.relative_to(folder)}</Key><Size>{facts.st_size}</Size>"
                f"<LastModified>{date}</LastModified><ETag>&quot;{etag}&quot;</ETag></Contents>"
            )
    head = f"<Name>{folder.name}</Name><KeyCount>{len(rows)}</KeyCount>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>'
        f"{head}<IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>"
    ).encode()


@contextmanager
def web_server(root, *, statuses=None, bodies=None, has_etags=True):
    """Serve a folder over HTTP.

    Args:
        root: The folder.
        statuses: By path, a status that is answered in place of the file.
        bodies: By path, a status and a body that are answered in place of the file.
        has_etags: Whether answers have an ETag.
    """
    facts = {"root": Path(root), "statuses": statuses or {}, "has_etags": has_etags}
    facts["bodies"] = bodies or {}
    with serving(type("Files", (_Files,), facts)) as port:
        yield f"http://127.0.0.1:{port}"


class Faults:
    """What a proxy does wrong, and what it has seen.

    Attributes:
        n_requests: Requests by method.
        n_faults: Faults that were made.
        ranges: Path, range asked for and bytes of each answer that was given to its end.
    """

    def __init__(self, *, latency=0.0, share=0.0, seed=0):
        self.latency, self.share = latency, share
        self.n_requests, self.n_faults = Counter(), 0
        self.ranges = []
        self._lock = threading.Lock()
        self._random = random.Random(seed)

    def draw(self, method):
        """Return what is to go wrong with a request: ``busy``, ``cut`` or nothing."""
        with self._lock:
            self.n_requests[method] += 1
            is_fault = self._random.random() < self.share
            self.n_faults += is_fault
            return self._random.choice(["busy", "cut"]) if is_fault else ""


class _Proxy(_Handler):
    """Passes requests on to a server, late, and some of them wrongly."""

    upstream, faults = ("", 0), Faults()
    connection_on = None

    def do_GET(self):
        self.pass_on()

    def do_HEAD(self):
        self.pass_on()

    def finish(self):
        super().finish()
        if self.connection_on is not None:
            self.connection_on.close()

    def pass_on(self):
        time.sleep(self.faults.latency)
        fault = self.faults.draw(self.command)
        if fault == "busy":
            self.reply(503, [], b"", "0")
            return
        status, headers, body = self.ask()
        lengths = {name.lower(): value for name, value in headers}
        is_head = self.command == "HEAD"
        length = lengths.get("content-length", "0") if is_head else str(len(body))
        if fault == "cut" and body:
            self.reply(status, headers, body[: len(body) // 2], length)
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.faults.ranges.append((self.path, self.headers.get("Range"), len(body)))
        self.reply(status, headers, body, length)

    def reply(self, status, headers, body, length):
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def ask(self):
        """Return the answer of the server; one that has closed a kept connection is asked again."""
        headers = {n: v for n, v in self.headers.items() if n.lower() != "connection"}
        for _ in range(3):
            try:
                if self.connection_on is None:
                    self.connection_on = HTTPConnection(*self.upstream, timeout=60)
                self.connection_on.request(self.command, self.path, headers=headers)
                answer = self.connection_on.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (OSError, HTTPException):
                self.connection_on.close()
                self.connection_on = None
        return 502, [], b""


@contextmanager
def faulty_proxy(url, faults):
    """Run a proxy before a server.

    Args:
        url: Of the server, without a path.
        faults: What goes wrong.
    """
    host, port = url.partition("://")[2].split(":")
    with serving(
        type("Proxy", (_Proxy,), {"upstream": (host, int(port)), "faults": faults})
    ) as own:
        yield f"http://127.0.0.1:{own}"


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def started(command, port, env):
    """Run a server in a process of its own until it answers; give its URL."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, env={**os.environ, **env}, **quiet)
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@contextmanager
def s3_server():
    """Run moto's S3 server; give its URL."""
    port = _free_port()
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    env = {"AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root"}
    with started([sys.executable, "-W", "ignore", "-c", code], port, env) as url:
        yield url


@contextmanager
def azure_server():
    """Run Azurite; give the URL of its blobs."""
    port = _free_port()
    command = ["azurite-blob", "--inMemoryPersistence", "--blobPort", str(port), "--silent"]
    with started([*command, "--skipApiVersionCheck"], port, {}) as url:
        yield url


def make_azure_container(url, name):
    """Make a container in Azurite, whose account and key are known to all."""
    account = "devstoreaccount1"
    key = base64.b64decode(
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    )
    date = formatdate(usegmt=True)
    version = "2021-08-06"
    headers = f"x-ms-date:{date}\nx-ms-version:{version}\n"
    where = f"/{account}/{account}/{name}\nrestype:container"
    signed = "PUT" + "\n" * 12 + headers + where
    signature = base64.b64encode(hmac.new(key, signed.encode(), "sha256").digest()).decode()
    host, port = url.partition("://")[2].split(":")
    connection = HTTPConnection(host, int(port), timeout=60)
    connection.request(
        "PUT",
        f"/{account}/{name}?restype=container",
        headers={
            "x-ms-date": date,
            "x-ms-version": version,
            "Content-Length": "0",
            "Authorization": f"SharedKey {account}:{signature}",
        },
    )
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    connection.close()
