import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curate.pages.images_table import ImagesTable
from curate.review_page.columns import make_review_columns
from curate.review_page.decisions import Decision, DecisionLog, Verdict
from curate.workspace.pixel_cache import PixelCache
from curate.workspace.pixel_shards import ShardWriter, pack

testclient = pytest.importorskip(
    "starlette.testclient", reason="starlette or its test client is missing"
)
pytest.importorskip("uvicorn")

from curate.review_page.server import Review, make_app  # noqa: E402 - after the skips
from tests.report_page.conftest import make_table  # noqa: E402

BASE = "http://127.0.0.1:8123"
CLUSTERS = {
    "cluster": [0, 0, 1, 1, 2, 2],
    "medoid": [True, False, True, False, True, False],
    "outlier": [0.1, 0.9, 0.2, 0.3, 0.4, 0.5],
}
GROUPS = {
    "group": [0, 0, 0, 1, 1, None],
    "match": [None, "near", "near", None, "near", None],
    "duplicate_of": [None, "0000.png", "0000.png", None, "0003.png", None],
    "similarity": [None, 0.99, 0.95, None, 0.9, None],
    "keep": [True, False, False, True, False, True],
}


@pytest.fixture
def review(tmp_path):
    writer = ShardWriter(tmp_path / "pixels")
    (tmp_path / "pixels").mkdir()
    for row in range(8):  # two of them are of no row of the manifest
        facts = {"hash": f"{row:064x}", "status": "ok"}
        writer.add(facts, pack(np.full((30, 40, 3), 20 * row, np.uint8)))
    writer.flush()
    images = ImagesTable(make_table(6, **GROUPS, **CLUSTERS))
    log = DecisionLog.of_workspace(tmp_path)
    misses = pa.table(
        {
            "hash": [f"{row:064x}" for row in (5, 2, 0, 7)],
            "other_hash": [f"{row:064x}" for row in (0, 4, 1, 3)],
            "similarity": [0.9, 0.4, 0.3, 0.2],
        }
    )
    return Review(images, log, PixelCache(tmp_path / "pixels"), "m.parquet", misses)


@pytest.fixture
def client(review):
    client = testclient.TestClient(make_app(review, token="word", port=8123), base_url=BASE)
    assert client.get("/?token=word").status_code == 200
    return client


def test_without_the_token_nothing_is_shown(review):
    client = testclient.TestClient(make_app(review, token="word", port=8123), base_url=BASE)
    for path in ("/", "/?token=wrong", "/api/count", "/image/0/96", "/api/count?token=word"):
        assert client.get(path).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"host": "evil.example:8123"}, {"origin": "http://evil.example"},
     {"origin": "https://127.0.0.1:8123"}, {"origin": "null"}],
)  # fmt: skip
def test_a_foreign_host_or_origin_is_refused(client, headers):
    body = json.dumps({"place": 0, "verb": "copy", "rows": [4]})
    assert client.get("/api/count", headers=headers).status_code == 403
    assert client.post("/api/decide", content=body, headers=headers).status_code == 403
    assert client.get("/api/count").json()["decided"] == 0


def test_only_thumbnails_of_the_manifest_are_served(client):
    assert client.get("/image/0/96").headers["content-type"] == "image/webp"
    for path in (
        "/image/6/96",
        "/image/0/97",
        "/image/-1/96",
        "/image/../m.parquet",
        "/etc/passwd",
    ):
        assert client.get(path).status_code == 404


def test_doubtful_groups_come_first(client):
    groups = client.get("/api/groups").json()["groups"]
    assert [one["number"] for one in groups] == [1, 0]
    assert [one["row"] for one in groups[1]["members"]] == [0, 2, 1]


def test_a_decision_is_in_the_file_before_the_answer_comes(client, tmp_path):
    client.post("/api/decide", content=json.dumps({"place": 0, "verb": "different", "rows": [4]}))
    (line,) = Path(tmp_path / "reviews.jsonl").read_text().splitlines()
    content = json.loads(line)
    assert (content["verdict"], content["probability"]) == ("different", 0.9)
    assert content["hashes"] == [f"{3:064x}", f"{4:064x}"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"place": 9, "verb": "copy", "rows": [4]}',
        '{"place": -1, "verb": "copy", "rows": [4]}',
        '{"place": 0, "verb": "copy", "rows": [0]}',
        '{"place": 0, "verb": "burn", "rows": [4]}',
        '{"place": 0, "subject": "cluster", "verdict": "take"}',
        '{"place": 0, "subject": "none", "verdict": "take"}',
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_and_not_written(client, tmp_path, body):
    assert client.post("/api/decide", content=body).status_code == 400
    assert not (tmp_path / "reviews.jsonl").exists()


def test_keeping_another_image_makes_it_the_first_of_its_group(client):
    answer = client.post(
        "/api/decide", content=json.dumps({"place": 1, "verb": "keep", "rows": [2]})
    )
    assert answer.json()["group"]["members"][0]["row"] == 2


def test_clusters_of_one_name_share_it_and_hidden_ones_have_an_empty_one(review, tmp_path):
    log = DecisionLog.of_workspace(tmp_path)
    for row, verdict, text in (
        (0, Verdict.NAME, "cats"),
        (2, Verdict.NAME, "cats"),
        (4, Verdict.REJECT, None),
    ):
        log.append(
            [Decision(subject="cluster", hashes=(f"{row:064x}",), verdict=verdict, text=text)]
        )
    columns = make_review_columns(review.images, log)
    assert columns["cluster_name"].to_pylist() == ["cats"] * 4 + ["", ""]


def test_outliers_are_listed_most_unlike_first_and_a_verdict_becomes_a_column(
    client, review, tmp_path
):
    first = client.get("/api/subjects/outlier").json()["subjects"][0]
    assert first["row"] == 5
    body = {"place": 0, "subject": "outlier", "verdict": "reject"}
    assert client.post("/api/decide", content=json.dumps(body)).status_code == 200
    columns = make_review_columns(review.images, DecisionLog.of_workspace(tmp_path))
    assert columns["outlier_review"].to_pylist() == [None] * 5 + ["reject"]


def test_nearly_copies_are_pairs_of_the_manifest_in_no_common_group_the_likeliest_first(client):
    pairs = client.get("/api/groups?of=nearly").json()["groups"]
    assert [[one["row"] for one in pair["members"]] for pair in pairs] == [[5, 0], [2, 4]]
    assert [pair["members"][1]["probability"] for pair in pairs] == [0.9, 0.4]
    assert client.get("/api/groups?of=else").status_code == 404


def test_a_nearly_copy_is_judged_and_undone_but_none_stays_in_place_of_another(client, review):
    def decide(verb):
        body = json.dumps({"of": "nearly", "place": 1, "verb": verb, "rows": [4]})
        return client.post("/api/decide", content=body)

    assert decide("keep").status_code == 400
    assert decide("copy").json()["count"]["nearly"] == {"groups": 2, "decided": 1, "next": 0}
    (said,) = review.log.of("pair")
    assert (said.verdict, said.probability) == (Verdict.COPY, 0.4)
    assert said.hashes == (f"{2:064x}", f"{4:064x}")
    undone = client.post("/api/undo", content="{}").json()
    assert undone["count"]["nearly"]["decided"] == 0
    assert undone["count"]["decided"] == 0


def test_why_no_label_is_a_suspect_is_said(tmp_path):
    table = make_table(20, label=["a", "b"] * 10, label_suspect=[0.9] * 12 + [0.1] * 8)
    log = DecisionLog.of_workspace(tmp_path)
    review = Review(ImagesTable(table), log, PixelCache(tmp_path / "pixels"), "m.parquet")
    count = review.count()
    assert count["subjects"]["label"] == 0
    assert count["untold"] == (
        "the features do not predict these labels well enough (agreement 40 %, chance 50 %): "
        "no suspects are told"
    )


def open_labels(folder):
    """Return the review of a label that is suspicious on the first of two equal files."""
    same = {"hash": ["a" * 64] * 2 + [f"{row:064x}" for row in range(2, 20)]}
    labels = ["cat", "dog", *["cat", "dog"] * 9]
    table = make_table(20, **same, label=labels, label_suspect=[0.9] + [0.1] * 19)
    log = DecisionLog.of_workspace(folder)
    return Review(ImagesTable(table), log, PixelCache(folder / "pixels"), "m.parquet")


def test_a_verdict_on_a_label_says_nothing_of_an_equal_file_with_another_label(tmp_path):
    review = open_labels(tmp_path)
    assert review.count()["subjects"]["label"] == 1
    review.decide_subject("label", 0, "reject", None)
    columns = make_review_columns(review.images, DecisionLog.of_workspace(tmp_path))
    assert columns["label_review"].to_pylist() == ["reject"] + [None] * 19
    assert review.count()["said"]["label"] == 1
    assert review.undo()
    assert review.count()["said"]["label"] == 0


def test_a_line_without_a_label_speaks_of_the_content_until_it_is_taken_back(tmp_path):
    review = open_labels(tmp_path)
    review.log.append([Decision(subject="label", hashes=("a" * 64,), verdict=Verdict.REJECT)])
    columns = make_review_columns(review.images, review.log)
    assert columns["label_review"].to_pylist()[:3] == ["reject", "reject", None]
    assert review.list_subjects("label", 0, 1)[0]["verdict"] == "reject"
    review.decide_subject("label", 0, "undecided", None)
    assert review.list_subjects("label", 0, 1)[0]["verdict"] is None
    assert review.log.of("label") == []


def test_decisions_on_images_of_other_manifests_are_not_counted(review):
    elsewhere = [f"{row:064x}" for row in range(100, 109)]
    review.log.append(
        Decision(subject="outlier", hashes=(content,), verdict=Verdict.REJECT)
        for content in elsewhere
    )
    assert review.count()["said"]["outlier"] == 0
    review.decide_subject("outlier", 0, "reject", None)
    assert review.count()["said"] == {"cluster": 0, "outlier": 1, "label": 0, "sample": 0}


def test_the_command_to_run_next_is_quoted_and_names_the_workspace(review, tmp_path):
    named = "my m; x $(id).parquet"
    images, log, cache = review.images, review.log, PixelCache(tmp_path / "pixels")
    opened = Review(images, log, cache, named, workspace=Path("w"))
    assert opened.count()["dedup"] == "curate dedup 'my m; x $(id).parquet' --workspace w"


def open_groups(folder, hashes, **columns):
    """Return the review of images in one group, of which the first stays."""
    n = len(hashes)
    filled = {
        "hash": hashes,
        "group": [0] * n,
        "match": [None] + ["near"] * (n - 1),
        "duplicate_of": [None] + ["0000.png"] * (n - 1),
        "similarity": [None] + [0.9] * (n - 1),
        "keep": [True] + [False] * (n - 1),
    }
    images = ImagesTable(make_table(n, **(filled | columns)))
    log = DecisionLog.of_workspace(folder)
    return Review(images, log, PixelCache(folder / "pixels"), "m.parquet")


def test_of_equal_files_there_is_nothing_to_decide(tmp_path):
    review = open_groups(tmp_path, ["a" * 64] * 3)
    count = review.count()
    assert (count["groups"], count["decided"], count["next"]) == (1, 1, None)
    assert review.list_groups("copies", 0, 1)[0]["is_equal"]
    review.decide_group("copies", 0, "all", [])
    assert not review.undo()
    assert not (tmp_path / "reviews.jsonl").exists()


def test_all_images_of_a_large_group_are_judged_those_that_are_not_shown_too(tmp_path):
    hashes = [f"{row:064x}" for row in range(80)]
    review = open_groups(tmp_path, hashes)
    review.decide_group("copies", 0, "different", [79])
    review.decide_group("copies", 0, "all", [])
    assert review.count()["decided"] == 1
    verdicts = [one.verdict for one in review.log.of("pair")]
    assert (verdicts.count(Verdict.COPY), verdicts.count(Verdict.DIFFERENT)) == (78, 1)


def test_undecided_images_of_a_large_group_are_shown_before_the_decided(tmp_path):
    review = open_groups(tmp_path, [f"{row:064x}" for row in range(80)])
    review.decide_group("copies", 0, "copy", list(range(1, 60)))
    (group,) = review.list_groups("copies", 0, 1)
    assert len(group["members"]) == 60
    undecided = {one["row"] for one in group["members"][1:] if one["verdict"] is None}
    assert undecided == set(range(60, 80))


def test_evidence_is_shown_of_the_pair_that_it_was_measured_on_only(tmp_path):
    reasons = [None, "fewer pixels", "fewer pixels"]
    review = open_groups(tmp_path, [f"{row:064x}" for row in range(3)], keep_reason=reasons)

    def show():
        (group,) = review.list_groups("copies", 0, 1)
        shown = ("row", "match", "probability", "reason")
        return [tuple(one[name] for name in shown) for one in group["members"]]

    assert show()[1:] == [(1, "near", 0.9, "fewer pixels"), (2, "near", 0.9, "fewer pixels")]
    review.decide_group("copies", 0, "keep", [2])
    assert show()[1:] == [(0, "near", 0.9, None), (1, None, None, None)]
