import pytest

from curate.copies.protected import find_protected, resolve_protected
from curate.errors import UsageError
from curate.sources import open_source
from tests.conftest import picture, save

PATHS = ["gold/a.png", "gold/b.png", "web/a.png"]


@pytest.fixture
def source(tmp_path, monkeypatch):
    for path in PATHS:
        save(tmp_path / "images" / path, picture(1))
    monkeypatch.chdir(tmp_path)
    return open_source("images")


def test_a_folder_protects_what_lies_below_it_and_not_its_namesakes():
    paths = ["keep", "keep/a", "keeper/a", "b/keep/a", "one.jpg"]
    assert find_protected(paths, ("keep/", "one.jpg")).tolist() == [True, True, False, False, True]
    assert find_protected(paths, ("",)).all()


@pytest.mark.parametrize(
    "named",
    ["gold", "gold/", "./gold", "images/gold", "./images//gold/", "{here}/images/gold", "x"],
)
def test_a_folder_is_named_from_the_source_or_from_here_or_whole_or_by_a_link(
    source, tmp_path, named
):
    (tmp_path / "x").symlink_to("images/gold")
    prefixes = resolve_protected([named.format(here=tmp_path)], source, PATHS, {})
    assert find_protected(PATHS, prefixes).tolist() == [True, True, False]


@pytest.mark.parametrize("named", ["images", ".", "{here}"])
def test_what_holds_the_source_protects_all_of_it(source, tmp_path, named):
    prefixes = resolve_protected([named.format(here=tmp_path)], source, PATHS, {})
    assert find_protected(PATHS, prefixes).all()


@pytest.mark.parametrize("named", [".", "./", "../gold"])
def test_the_folder_one_is_in_protects_no_more_than_itself(source, tmp_path, monkeypatch, named):
    monkeypatch.chdir(tmp_path / "images" / "gold")
    prefixes = resolve_protected([named], open_source(".."), PATHS, {})
    assert find_protected(PATHS, prefixes).tolist() == [True, True, False]


def test_a_folder_that_lies_here_goes_before_its_namesake_in_the_source(
    source, tmp_path, monkeypatch
):
    paths = [*PATHS, "web/gold/c.png"]
    save(tmp_path / "images" / paths[-1], picture(2))
    monkeypatch.chdir(tmp_path / "images" / "web")
    prefixes = resolve_protected(["gold"], open_source(".."), paths, {})
    assert find_protected(paths, prefixes).tolist() == [False, False, False, True]


def test_of_several_sources_the_one_that_one_is_in_is_meant(source, tmp_path, monkeypatch):
    save(tmp_path / "more" / "c.png", picture(2))
    monkeypatch.chdir(tmp_path / "more")
    both, paths = open_source(["../images", "."]), ["images/gold/a.png", "more/c.png"]
    assert resolve_protected(["."], both, paths, {}) == ("more",)


@pytest.mark.parametrize("named", ["glod", "../gold", "images/gold/c.png", "/gold", "a.png"])
def test_what_names_no_image_is_a_mistake(source, named):
    with pytest.raises(UsageError, match="nothing to protect"):
        resolve_protected(["gold", named], source, PATHS, {})


def test_several_sources_are_named_as_they_lie(source, tmp_path):
    save(tmp_path / "more" / "gold" / "c.png", picture(2))
    both, paths = open_source(["images", "more"]), [f"images/{path}" for path in PATHS]
    paths.append("more/gold/c.png")
    assert resolve_protected(["more/gold"], both, paths, {}) == ("more/gold",)
    assert resolve_protected([str(tmp_path / "more")], both, paths, {}) == ("more",)


def test_a_file_is_protected_by_each_of_its_names(source):
    links = {"web/link.png": PATHS[0]}
    prefixes = resolve_protected(["web"], source, [*PATHS, *links], links)
    assert find_protected(PATHS, prefixes).tolist() == [True, False, True]
