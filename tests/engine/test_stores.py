import pytest

from curate.engine.base import SharedFile
from curate.engine.store import open_store
from curate.engine.worker_files import WorkerFiles
from curate.errors import CurateError


@pytest.fixture(scope="module")
def bucket():
    for package in ("moto", "flask", "obstore", "boto3"):
        pytest.importorskip(package, reason="the S3 server of the tests is moto's")
    import boto3

    from tests.sources.servers import s3_server

    with pytest.MonkeyPatch.context() as patch, s3_server() as url:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root",
            "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": url,
        }.items():  # fmt: skip
            patch.setenv(name, value)
        boto3.client("s3", endpoint_url=url).create_bucket(Bucket="store")
        yield "s3://store/some/where"


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    return open_store(request.getfixturevalue("bucket"))


def test_a_new_object_never_replaces_one_that_is_there(store):
    assert store.put_new("out/a", b"first")
    assert not store.put_new("out/a", b"second")
    assert store.get("out/a") == b"first"
    store.put("out/a", b"third")
    assert store.get("out/a") == b"third"
    assert store.get("out/b") is None


def test_keys_are_listed_in_order_and_removed_by_prefix(store):
    for name in ("keys/b", "keys/a", "other"):
        store.put(name, b"")
    assert list(store.list_keys("keys/")) == ["keys/a", "keys/b"]
    store.remove("keys/")
    assert list(store.list_keys("keys/")) == []
    assert store.get("other") == b""
    store.remove("other")
    assert store.get("other") is None


def test_files_are_put_once_and_fetched(store, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_SCRATCH", str(tmp_path / "scratch"))
    (tmp_path / "here").write_bytes(b"abc" * 1000)
    store.put_file("files/one", tmp_path / "here")
    store.put_file("files/one", tmp_path / "here")
    shared = SharedFile(name="pixels/1.bin", key="files/one", bytes=3000)
    files = WorkerFiles(store, [shared])
    assert files.fetch("pixels/1.bin").read_bytes() == b"abc" * 1000
    assert files.fetch("pixels/1.bin") == files.folder / "pixels/1.bin"


def test_a_machine_keeps_no_more_than_it_may(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("CURATE_SCRATCH", str(tmp_path / "scratch"))
    store = open_store(bucket)
    shared = []
    for number in range(4):
        (tmp_path / "here").write_bytes(bytes([number]) * 1000)
        store.put_file(f"files/{number}", tmp_path / "here")
        shared.append(SharedFile(name=f"{number}", key=f"files/{number}", bytes=1000))
    files = WorkerFiles(store, shared, most_bytes=2500)
    for number in range(4):
        assert files.fetch(f"{number}").read_bytes() == bytes([number]) * 1000
    assert len(list(files.folder.parents[1].glob("files/*"))) == 2
    assert files.fetch("0").read_bytes() == bytes(1000)


def test_a_bucket_that_is_not_there_is_told_without_credentials(bucket, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-word")
    store = open_store("s3://nowhere/at-all")
    for ask in (lambda: store.put_new("a", b""), lambda: list(store.list_keys("a/"))):
        with pytest.raises(CurateError) as told:
            ask()
        assert str(told.value) == (
            "the shared store s3://nowhere/at-all cannot be used: 404: the bucket is not there"
        )
