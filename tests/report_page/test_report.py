import re

import pyarrow as pa
import pytest

from curate.errors import InputError, UsageError
from curate.manifest.manifest import Manifest, read_manifest, write_manifest
from curate.manifest.rows import HeldRows
from curate.stages.report import report
from curate.workspace.workspace import Workspace
from tests.browser import list_serious_findings, open_browser, watch
from tests.report_page.conftest import HOSTILE

SIZES = (400, 1280, 2560)


@pytest.fixture(scope="module")
def page_file(made_folder):
    out = made_folder / "report.html"
    report(made_folder / "m.parquet", out=out, workspace=made_folder / ".curate")
    return out


def test_the_numbers_of_the_result_are_those_of_the_manifest(made_folder, tmp_path):
    done = report(
        made_folder / "m.parquet", out=tmp_path / "r.html", workspace=made_folder / ".curate"
    )
    assert done.n_images == 20 + 2 * len(HOSTILE) + 4
    assert (done.n_unreadable, done.n_copies, done.n_leaks) == (1, len(HOSTILE), 0)
    assert done.bytes == (tmp_path / "r.html").stat().st_size


def test_the_same_manifest_gives_the_same_page(made_folder, page_file, tmp_path):
    out = tmp_path / "again.html"
    report(made_folder / "m.parquet", out=out, workspace=made_folder / ".curate")
    assert out.read_text() == page_file.read_text()


def test_the_page_names_no_address_outside_itself(page_file):
    text = page_file.read_text()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert "default-src &#39;none&#39;" in text


def test_names_of_files_run_nothing_and_are_shown_as_they_are(page_file):
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors, requests = watch(page)
        page.goto(page_file.as_uri())
        page.wait_for_timeout(300)
        shown = page.locator(".members bdi").all_text_contents()
        assert {f"odd/{name}" for name in HOSTILE[:4]} <= set(shown)
        assert page.locator("img[src='x']").count() == 0
        assert errors == []
        assert [url for url in requests if not url.startswith(("data:", "file:"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_every_screen_and_axe_finds_nothing_serious(page_file, scheme):
    with open_browser() as browser:
        for width in SIZES:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            errors, _ = watch(page)
            page.goto(page_file.as_uri())
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert errors == []
            assert list_serious_findings(page) == []
            page.close()


def test_the_two_images_of_a_pair_are_laid_over_each_other_by_keyboard(page_file):
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.as_uri())
        button = page.locator(".pair-bar button", has_text="Difference").first
        button.focus()
        page.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator(".pair-stage").first.is_visible()


def test_the_arrow_keys_walk_over_the_map_and_say_where_they_are(page_file):
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.as_uri())
        page.locator("#map-canvas").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)
        first = page.locator("#map-said").inner_text()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)
        assert first
        assert page.locator("#map-said").inner_text() != first
        assert page.locator("#map-tip").is_visible()


@pytest.mark.parametrize("n", [0, 1, 2, 20])
def test_few_images_make_a_page_too(made_folder, write_part, tmp_path, n):
    out = tmp_path / "few.html"
    assert report(write_part(n), out=out, workspace=made_folder / ".curate").n_images == n
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 400, "height": 900})
        errors, _ = watch(page)
        page.goto(out.as_uri())
        page.wait_for_timeout(200)
        assert errors == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        readable = max(0, n - 1)  # the first cannot be read; of three there is a map
        assert page.locator("#images img").count() == (readable if readable < 3 else 0)


@pytest.mark.parametrize("width", SIZES)
def test_labels_of_any_length_fit_the_screen(made_folder, tmp_path, width):
    manifest = read_manifest(made_folder / "m.parquet")
    table = manifest.rows.read()
    for name, values in {
        "label": ["x" * 200, "ن" * 120] * len(table),
        "label_suspect": [0.9 if row % 9 == 0 else 0.1 for row in range(len(table))],
        "cluster": [0, 1] * len(table),
        "split": ["y" * 150] * 2 * len(table),
    }.items():
        column = pa.array(values[: len(table)])
        if name in table.column_names:
            table = table.drop_columns([name])
        table = table.append_column(name, column)
    write_manifest(
        Manifest(rows=HeldRows(table), source=manifest.source), tmp_path / "long.parquet"
    )
    out = tmp_path / "long.html"
    report(tmp_path / "long.parquet", out=out, workspace=made_folder / ".curate")
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(out.as_uri())
        page.add_style_tag(content=".group, .cluster { content-visibility: visible !important }")
        assert page.locator("#suspects .tile").count() == min(36, -(-len(table) // 9))
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_image_that_covers_another_has_no_outline_however_it_is_turned(page_file):
    with open_browser() as browser:
        page = browser.new_page()
        page.goto(page_file.as_uri())
        for matrix in ([1, 0, 0, 0, 1, 0], [-1, 0, 1, 0, 1, 0], [0, -1, 1, 1, 0, 0]):
            assert page.evaluate(f"isWhole({matrix})")
        for matrix in ([0.5, 0, 0, 0, 0.5, 0], [1, 0, 0.1, 0, 1, 0], [0, -0.9, 1, 0.9, 0, 0]):
            assert not page.evaluate(f"isWhole({matrix})")


def test_a_manifest_without_its_images_in_the_workspace_still_makes_a_page(made_folder, tmp_path):
    out = tmp_path / "bare.html"
    space = Workspace(tmp_path / "other")
    with space.writing():
        space.remember(manifest=tmp_path / "another.parquet")
    done = report(made_folder / "m.parquet", out=out, workspace=space.root)
    assert (done.n_on_map, done.n_copies) == (0, len(HOSTILE))
    assert "not in the pixel cache" in out.read_text()


def test_a_file_that_is_no_report_is_not_replaced(made_folder, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("<p>work of weeks</p>")
    with pytest.raises(InputError, match="not replaced"):
        report(made_folder / "m.parquet", out=mine, workspace=made_folder / ".curate")
    assert mine.read_text() == "<p>work of weeks</p>"


def test_a_page_has_the_name_of_a_page(made_folder):
    with pytest.raises(UsageError):
        report(made_folder / "m.parquet", out="report.pdf", workspace=made_folder / ".curate")
