import re
import signal

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageFilter

from curate.stages.dedup import DedupConfig, dedup
from curate.stages.report import report
from tests.browser import list_serious_findings, open_browser, watch
from tests.conftest import picture, save
from tests.review_page.conftest import serve

pytestmark = pytest.mark.slow


def wait_for_decided(page, n):
    page.locator("#progress", has_text=re.compile(f"^{n} of")).wait_for(timeout=10_000)
    page.locator("body:not(.is-busy) .acts").wait_for(timeout=10_000)


def group_of(path):
    table = pq.read_table(path, columns=["path", "group"])
    return dict(zip(table["path"].to_pylist(), table["group"].to_pylist(), strict=True))


def test_twenty_groups_decided_by_keyboard_survive_a_kill_and_dedup_obeys(reviewed):
    different = set()
    with open_browser() as browser, serve(reviewed) as (process, address):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors, _ = watch(page)
        page.goto(address)
        for n_done in range(20):
            page.wait_for_selector(".acts")
            wait_for_decided(page, n_done)
            if n_done % 2:
                different.add(frozenset(page.locator(".names bdi").all_inner_texts()))
            page.keyboard.press("d" if n_done % 2 else "a")
        wait_for_decided(page, 20)
        process.send_signal(signal.SIGKILL)
        assert errors == []
    with open_browser() as browser, serve(reviewed) as (process, address):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".acts")
        assert page.locator("#progress").inner_text() == "20 of 22 decided"
    assert len(different) == 10
    dedup(reviewed / "m.parquet", workspace=reviewed / ".curate")
    groups = group_of(reviewed / "m.parquet")
    assert all(groups[one] is None for pair in different for one in pair)
    assert pc.count_distinct(pq.read_table(reviewed / "m.parquet")["group"]).as_py() == 12
    done = dedup(
        reviewed / "m.parquet", DedupConfig(ignore_reviews=True), workspace=reviewed / ".curate"
    )
    assert (done.n_groups, done.n_reviews) == (22, 0)


def test_a_decision_holds_for_moved_files_and_is_drawn_in_the_report(reviewed):
    with open_browser() as browser, serve(reviewed) as (process, address):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".acts")
        page.keyboard.press("d")
        wait_for_decided(page, 1)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
        assert process.returncode == 0
    (reviewed / "images").rename(reviewed / "moved")
    done = dedup(reviewed / "moved", out=reviewed / "n.parquet", workspace=reviewed / ".curate")
    assert (done.n_groups, done.n_reviews) == (21, 1)
    report(reviewed / "n.parquet", out=reviewed / "r.html", workspace=reviewed / ".curate")
    assert "1 judged" in (reviewed / "r.html").read_text()


def test_undo_takes_the_last_decision_back(reviewed):
    with open_browser() as browser, serve(reviewed) as (_, address):
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".acts")
        page.keyboard.press("a")
        wait_for_decided(page, 1)
        page.keyboard.press("u")
        wait_for_decided(page, 0)


@pytest.mark.parametrize("width", [400, 1280, 2560])
def test_the_page_fits_the_screen_and_axe_finds_nothing_serious(reviewed, width):
    with open_browser() as browser, serve(reviewed) as (_, address):
        page = browser.new_page(viewport={"width": width, "height": 900})
        errors, requests = watch(page)
        page.goto(address)
        page.wait_for_selector(".acts")
        page.wait_for_timeout(300)
        assert list_serious_findings(page) == []
        page.keyboard.press("g")
        page.wait_for_selector(".row")
        assert list_serious_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert errors == []
        origin = address.partition("/?")[0]
        assert [url for url in requests if not url.startswith((origin, "data:"))] == []


def test_the_grid_has_as_many_columns_as_fit_and_ends_with_the_last_group(reviewed):
    with open_browser() as browser, serve(reviewed) as (_, address):
        page = browser.new_page(viewport={"width": 1900, "height": 500})
        errors, _ = watch(page)
        page.goto(address)
        page.wait_for_selector(".acts")
        page.keyboard.press("g")
        page.wait_for_selector(".row")
        boxes = [row.bounding_box() for row in page.locator(".row").all()[:4]]
        assert len({round(box["y"]) for box in boxes[:3]}) == 1
        assert boxes[3]["y"] > boxes[0]["y"] + boxes[0]["height"]
        assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
        page.set_viewport_size({"width": 700, "height": 500})
        page.wait_for_timeout(300)
        assert page.evaluate("grid.columns") == 1
        page.evaluate("document.getElementById('grid').scrollTop = 1e9")
        last = page.evaluate("grid.pages.get(0)[21].number")
        page.locator(".row b", has_text=re.compile(f"^Group {last}$")).wait_for()
        assert errors == []


def test_a_million_groups_are_reached_though_no_browser_page_is_as_high(reviewed):
    with open_browser() as browser, serve(reviewed) as (_, address):
        page = browser.new_page(viewport={"width": 1000, "height": 500})
        page.goto(address)
        page.wait_for_selector(".acts")
        page.evaluate("state.count.groups = 1e6; state.view = 'grid'; openGrid()")
        box = page.locator("#grid")
        box.evaluate("box => { box.scrollTop = 1e9; }")
        page.wait_for_timeout(300)
        end = box.evaluate("box => box.scrollTop * gridStretch() + box.clientHeight")
        assert abs(end - page.evaluate("grid.height")) < 20
        assert page.evaluate("Math.max(...grid.pages.keys())") == (10**6 - 1) // 60


@pytest.fixture
def nearly(tmp_path):
    """Return a folder of pictures and blurred pieces of them, too unlike for a cut at 0.999."""
    for seed in range(12):
        whole = picture(seed, width=160, height=120)
        piece = Image.fromarray(whole[: 60 + 3 * seed, : 70 + 4 * seed]).resize((160, 120))
        blurred = np.asarray(piece.filter(ImageFilter.GaussianBlur(1.5)))
        save(tmp_path / "images" / f"{seed:02d}.png", whole)
        save(tmp_path / "images" / f"{seed:02d}_piece.jpg", blurred, quality=25)
    strict = DedupConfig(precision=0.999)
    done = dedup(
        tmp_path / "images", strict, out=tmp_path / "m.parquet", workspace=tmp_path / ".curate"
    )
    assert done.n_groups == 0
    return tmp_path


def open_nearly(page, address):
    page.goto(address)
    page.get_by_role("button", name="Nearly copies").click()
    page.wait_for_selector(".acts")


def test_nearly_copies_are_decided_by_keyboard_survive_a_kill_and_dedup_obeys(nearly):
    pairs = []
    with open_browser() as browser, serve(nearly) as (process, address):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        open_nearly(page, address)
        for key in "aad":
            wait_for_decided(page, len(pairs))
            pairs.append(page.locator(".names bdi").all_inner_texts())
            page.keyboard.press(key)
        wait_for_decided(page, 3)
        process.send_signal(signal.SIGKILL)
    assert all(one[:2] == other[:2] and one != other for one, other in pairs)
    assert len({frozenset(pair) for pair in pairs}) == 3
    with open_browser() as browser, serve(nearly) as (process, address):
        page = browser.new_page()
        open_nearly(page, address)
        wait_for_decided(page, 3)
    dedup(nearly / "m.parquet", DedupConfig(precision=0.999), workspace=nearly / ".curate")
    grouped = group_of(nearly / "m.parquet")
    assert {grouped[one] for pair in pairs[:2] for one in pair} == {0, 1}
    assert all(grouped[one] == grouped[other] for one, other in pairs[:2])
    assert [grouped[one] for one in pairs[2]] == [None, None]
    match = pq.read_table(nearly / "m.parquet")["match"].to_pylist()
    assert sorted(filter(None, match)) == ["reviewed", "reviewed"]


def test_nearly_copies_have_an_undo_and_a_grid_and_axe_finds_nothing_serious(nearly):
    with open_browser() as browser, serve(nearly) as (_, address):
        page = browser.new_page(viewport={"width": 400, "height": 900})
        errors, _ = watch(page)
        open_nearly(page, address)
        page.keyboard.press("a")
        wait_for_decided(page, 1)
        page.keyboard.press("u")
        wait_for_decided(page, 0)
        assert list_serious_findings(page) == []
        page.keyboard.press("g")
        page.locator(".row b", has_text=re.compile("^Pair 1$")).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        assert errors == []


def test_a_pair_that_no_evidence_ties_is_grouped_because_a_person_said_so(tmp_path):
    from curate.review_page.decisions import Decision, DecisionLog, Verdict, pair_key

    for seed in range(3):
        save(tmp_path / "images" / f"{seed}.png", picture(seed))
    space = tmp_path / ".curate"
    out = tmp_path / "m.parquet"
    dedup(tmp_path / "images", out=out, workspace=space)
    hashes = pq.read_table(out)["hash"].to_pylist()
    key = pair_key(hashes[0], hashes[2])
    chosen = Decision(subject="image", hashes=(hashes[2],), verdict=Verdict.KEEP, action=2)
    pair = Decision(subject="pair", hashes=key, verdict=Verdict.COPY, action=1)
    DecisionLog.of_workspace(space).append([pair, chosen])
    done = dedup(out, workspace=space)
    table = pq.read_table(out)
    assert table["duplicate_of"].to_pylist() == ["2.png", None, None]
    assert table["match"].to_pylist() == ["reviewed", None, None]
    assert [(one.match, one.n_images) for one in done.rungs if one.n_images] == [("reviewed", 1)]
