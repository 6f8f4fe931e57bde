"""The review as a stage: it serves until it is interrupted, and what was said stays."""

import json
import os
import signal
import socket
import threading
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

import curate
from curate.errors import InputError, ResourceError, UsageError
from tests.conftest import Notes, picture, save

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("starlette", reason="starlette is not installed")


@pytest.fixture
def found(images, tmp_path):
    return curate.dedup(images, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")


class Person:
    """Asks the page as a browser does, in a thread, and then interrupts the stage."""

    def __init__(self, act):
        self._act = act
        self.saw = None

    def __call__(self, address):
        self._base = address.split("/?")[0]
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        threading.Thread(target=self._live, args=(address,), daemon=True).start()

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Origin": self._base} if data else {}
        asked = urllib.request.Request(self._base + path, data, headers)
        with self._browser.open(asked, timeout=20) as answer:
            return json.load(answer)

    def _live(self, address):
        try:
            self._browser.open(address, timeout=20).read()
            self.saw = self._act(self)
        except Exception as error:  # noqa: BLE001 - shown by the test that waits for it
            self.saw = error
        finally:
            os.kill(os.getpid(), signal.SIGINT)


def review(folder, person, progress=None):
    return curate.review(
        folder / "m.parquet", workspace=folder / ".curate", on_ready=person, progress=progress
    )


def say_different(person):
    groups = person.ask("/api/groups?start=0&n=9")["groups"]
    place, row = next(
        (one["place"], member["row"])
        for one in groups
        for member in one["members"][1:]
        if member["match"] == "pixels"
    )
    person.ask("/api/decide", {"place": place, "verb": "different", "rows": [row]})
    return [one["members"][0]["path"] for one in groups]


def test_what_is_said_is_in_the_log_and_dedup_obeys_it(found, tmp_path):
    person = Person(say_different)
    done = review(tmp_path, person)
    assert set(person.saw) == {"red/000.png", "red/003.png"}
    assert (done.n_groups, done.n_decided, done.n_decisions) == (2, 2, 1)  # equal files: none
    assert done.columns == []
    assert [json.loads(line)["verdict"] for line in Path(done.log).read_text().splitlines()] == [
        "different"
    ]
    again = curate.dedup(tmp_path / "m.parquet", workspace=tmp_path / ".curate")
    assert again.groups() == [["red/003.png", "red/twin.png"]]
    assert again.n_reviews == 1
    ignoring = curate.DedupConfig(ignore_reviews=True)
    assert (
        len(curate.dedup(tmp_path / "m.parquet", ignoring, workspace=tmp_path / ".curate").groups())
        == 2
    )


def test_a_page_that_is_closed_without_a_word_leaves_the_manifest_as_it_was(found, tmp_path):
    before = (tmp_path / "m.parquet").read_bytes()
    done = review(tmp_path, Person(lambda person: person.ask("/api/count")))
    assert (done.n_decided, done.n_decisions, done.columns) == (1, 0, [])  # of equal files
    assert (tmp_path / "m.parquet").read_bytes() == before


def test_what_is_picked_by_hand_becomes_a_column(found, images, tmp_path):

    def leave_one(person):
        first = person.ask("/api/subjects/sample?start=0&n=1")["subjects"][0]
        person.ask("/api/decide", {"place": 0, "subject": "sample", "verdict": "leave"})
        return first["path"]

    person = Person(leave_one)
    done = review(tmp_path, person)
    rows = curate.read_manifest(tmp_path / "m.parquet").rows.read()
    (column,) = done.columns
    said = dict(zip(rows["path"].to_pylist(), rows[column].to_pylist(), strict=True))
    assert {path for path, value in said.items() if value is not None} == {person.saw}


def test_images_come_from_the_cache_when_the_source_is_gone(found, images, tmp_path):
    images.rename(tmp_path / "elsewhere")

    def fetch(person):
        with person._browser.open(f"{person._base}/image/2/96", timeout=20) as answer:
            return answer.headers["content-type"], answer.read(4)

    person = Person(fetch)
    review(tmp_path, person)
    assert person.saw == ("image/webp", b"RIFF")


def test_nobody_else_may_ask(found, tmp_path):
    def ask_as_a_stranger(person):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{person._base}/api/count", timeout=20)
        with refused.value:
            return refused.value.code

    person = Person(ask_as_a_stranger)
    review(tmp_path, person)
    assert person.saw == 403


def test_what_cannot_be_reviewed_says_why_and_what_to_do(found, tmp_path):
    with pytest.raises(InputError) as lost:
        curate.review(tmp_path / "none.parquet", workspace=tmp_path / ".curate")
    assert lost.value.hint
    with pytest.raises(UsageError, match="70000 is no port"):
        curate.ReviewConfig(port=70_000)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = curate.ReviewConfig(port=taken.getsockname()[1])
        with pytest.raises(ResourceError, match="cannot be used") as busy:
            curate.review(tmp_path / "m.parquet", config, workspace=tmp_path / ".curate")
    assert busy.value.hint == "leave --port out"


def test_nearly_copies_are_offered_and_dedup_takes_those_that_a_person_calls_copies(tmp_path):
    pixels = picture(3, width=160, height=120)
    save(tmp_path / "images" / "one.png", pixels)
    save(tmp_path / "images" / "two.jpg", pixels, quality=30)
    save(tmp_path / "images" / "other.png", picture(4, width=160, height=120))
    strict, places = curate.DedupConfig(threshold=0.9999999), tmp_path / ".curate"
    out = tmp_path / "m.parquet"
    assert curate.dedup(tmp_path / "images", strict, out=out, workspace=places).groups() == []

    def say_copy(person):
        before = person.ask("/api/count")
        (pair,) = person.ask("/api/groups?of=nearly&start=0&n=9")["groups"]
        rows = [pair["members"][1]["row"]]
        answer = person.ask(
            "/api/decide", {"of": "nearly", "place": 0, "verb": "copy", "rows": rows}
        )
        return before["groups"], before["nearly"], answer["count"]["nearly"], answer["next"]

    person = Person(say_copy)
    review(tmp_path, person)
    assert person.saw == (
        0,
        {"groups": 1, "decided": 0, "next": 0},
        {"groups": 1, "decided": 1, "next": None},
        None,
    )
    assert curate.dedup(out, strict, workspace=places).groups() == [["one.png", "two.jpg"]]


def read_column(path, name):
    table = curate.read_manifest(path).rows.read(["path", name])
    return dict(zip(table["path"].to_pylist(), table[name].to_pylist(), strict=True))


def test_what_dedup_wrote_while_the_page_was_open_stays(found, tmp_path):
    def leave_one_and_search_again(person):
        person.ask("/api/decide", {"place": 0, "subject": "sample", "verdict": "leave"})
        say_different(person)
        curate.dedup(tmp_path / "m.parquet", workspace=tmp_path / ".curate")
        return read_column(tmp_path / "m.parquet", "keep")

    before = read_column(tmp_path / "m.parquet", "keep")
    person = Person(leave_one_and_search_again)
    assert review(tmp_path, person).columns == ["pick"]
    assert read_column(tmp_path / "m.parquet", "keep") == person.saw != before
    assert "leave" in read_column(tmp_path / "m.parquet", "pick").values()


def test_images_that_came_while_the_page_was_open_are_told_and_stay(found, images, tmp_path):
    def leave_one_and_add_one(person):
        first = person.ask("/api/subjects/sample?start=0&n=1")["subjects"][0]["path"]
        person.ask("/api/decide", {"place": 0, "subject": "sample", "verdict": "leave"})
        save(images / "a.png", picture(99))
        curate.dedup(images, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate")
        return first

    person, notes = Person(leave_one_and_add_one), Notes()
    review(tmp_path, person, notes)
    (note,) = notes.notes
    assert "has other images now" in note
    said = read_column(tmp_path / "m.parquet", "pick")
    assert {path for path, verdict in said.items() if verdict} == {person.saw}
    assert "a.png" in said


def test_what_is_taken_back_is_taken_out_of_the_manifest(found, tmp_path):
    def leave_one(person):
        person.ask("/api/decide", {"place": 0, "subject": "sample", "verdict": "leave"})

    review(tmp_path, Person(leave_one))
    assert "leave" in read_column(tmp_path / "m.parquet", "pick").values()
    done = review(tmp_path, Person(lambda person: person.ask("/api/undo", {})))
    assert done.columns == ["pick"]
    assert set(read_column(tmp_path / "m.parquet", "pick").values()) == {None}


def test_decisions_on_other_manifests_add_no_column(found, images, tmp_path):
    def leave_one(person):
        person.ask("/api/decide", {"place": 0, "subject": "sample", "verdict": "leave"})

    review(tmp_path, Person(leave_one))
    save(tmp_path / "others" / "one.png", picture(77))
    other = tmp_path / "other.parquet"
    curate.dedup(tmp_path / "others", out=other, workspace=tmp_path / ".curate")
    before = other.read_bytes()
    person = Person(lambda person: None)
    assert curate.review(other, workspace=tmp_path / ".curate", on_ready=person).columns == []
    assert other.read_bytes() == before


def test_a_manifest_and_a_workspace_whose_names_are_no_text_are_reviewed(found, tmp_path):
    space = Path(os.fsdecode(os.fsencode(tmp_path) + b"/w\xe8"))
    (tmp_path / ".curate").rename(space)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xff <b>.parquet"))
    (tmp_path / "m.parquet").rename(odd)

    def read_page(person):
        with person._browser.open(person._base, timeout=20) as answer:
            return answer.read().decode(), person.ask("/api/count")["dedup"]

    person = Person(read_page)
    curate.review(odd, workspace=space, on_ready=person)
    page, command = person.saw
    assert "m%FF &lt;b&gt;.parquet" in page
    assert "m%FF" in command
    assert "w%E8" in command


def test_a_decision_that_is_damaged_is_told_and_forgotten_by_a_repair(found, tmp_path):
    log = Path(review(tmp_path, Person(say_different)).log)
    assert curate.verify(workspace=tmp_path / ".curate").found == []
    log.write_bytes(log.read_bytes().replace(b'"different"', b'"copy"'))
    heard = Notes()
    curate.dedup(tmp_path / "m.parquet", workspace=tmp_path / ".curate", progress=heard)
    assert len(heard.about("decide again with `curate review`")) == 1
    mended = curate.verify(repairs=True, workspace=tmp_path / ".curate", progress=heard)
    assert [one.path for one in mended.found] == ["reviews.jsonl"]
    assert mended.left == []
    assert log.read_bytes() == b""
