"""Every output of every command: nothing that exists is harmed, and names may be of any length."""

import os
import shutil
import stat

import pytest

from curate import ClusterConfig, cluster, dedup
from curate.cli.app import main
from tests.conftest import picture, save

FILES = {
    "cluster": "cluster images --out {}",
    "cluster as csv": "cluster images --out {}",
    "dedup": "dedup images --out {}",
    "dedup of a manifest": "dedup m.parquet --out {}",
    "dedup's pairs": "dedup images --out new.parquet --pairs {}",
    "sample": "sample m.parquet --size 3 --out {}",
    "split": "split m.parquet --out {}",
    "merge": "merge m.parquet m.parquet --out {}",
    "sheet": "sheet m.parquet --out {}",
    "search's sheet": "search images/red/000.png --by copies --sheet {}",
    "compare's drawing": "compare images/red/000.png images/red/again.bmp --out {}",
}
FOLDERS = {
    "export": "export m.parquet --to {}",
    "export of copies": "export m.parquet --to {} --as copy",
    "dedup's sheets": "dedup images --out new.parquet --sheet {}",
}
ENDINGS = {
    "cluster as csv": ".csv",
    "sheet": ".png",
    "search's sheet": ".png",
    "compare's drawing": ".png",
}
"""Of the outputs that are no Parquet files; a sheet has that of the source's images."""


@pytest.fixture(scope="module")
def made(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("outputs")
    shutil.copytree(trained / ".curate", root / ".curate")
    shutil.copytree(trained / "images", root / "images")
    out, space = root / "m.parquet", root / ".curate"
    cluster(root / "images", ClusterConfig(labels="folder"), out=out, workspace=space)
    dedup(out, workspace=space)
    return root


@pytest.fixture
def run(made, tmp_path, monkeypatch, capsys):
    """Run a command in a folder with images, a workspace and a manifest; return code and stderr."""
    for name in ("images", ".curate"):
        shutil.copytree(made / name, tmp_path / name)
    shutil.copy(made / "m.parquet", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_WORKSPACE", raising=False)

    def run_line(line, output):
        with pytest.raises(SystemExit) as caught:
            main([output if word == "{}" else word for word in line.split()])
        return caught.value.code, capsys.readouterr().err

    return run_line


def contents(root):
    """Return what lies below a folder, but for the workspace: kind, content and link of each."""
    found = {}
    for path in sorted(root.rglob("*")):
        if ".curate" in path.relative_to(root).parts or path.name == "new.parquet":
            continue
        mode = path.lstat().st_mode
        link = os.readlink(path) if path.is_symlink() else None
        found[str(path)] = stat.S_IFMT(mode), link, path.read_bytes() if stat.S_ISREG(mode) else b""
    return found


def make_place(root, kind, ending):  # noqa: C901, PLR0912 - a list of places
    """Make a place of a kind that no output may take; return its name."""
    photo, name = root / "images" / "red" / "000.png", root / f"place{ending}"
    match kind:
        case "a source image":
            return str(photo)
        case "a source image that is empty":
            return str(root / "images" / "empty.png")
        case "a hard link to a source image":
            name.hardlink_to(photo)
        case "a link to a source image":
            name.symlink_to(photo)
        case "a link to a link to a source image":
            (root / "first").symlink_to(photo)
            name.symlink_to(root / "first")
        case "a device":
            name.symlink_to("/dev/null")
        case "a pipe":
            os.mkfifo(name)
        case "a folder":
            (name / "inside").mkdir(parents=True)
        case "a file of mine":
            name.write_text("my work")
        case "a file below a file":
            (root / "file").write_text("my work")
            return str(root / "file" / f"place{ending}")
        case "a picture of mine":
            save(root / "mine.png", picture(5))
            shutil.move(root / "mine.png", name)
    return str(name)


KINDS = (
    "a source image",
    "a source image that is empty",
    "a hard link to a source image",
    "a link to a source image",
    "a link to a link to a source image",
    "a device",
    "a pipe",
    "a folder",
    "a file of mine",
    "a file below a file",
    "a picture of mine",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_file_that_is_not_ours_is_replaced(run, tmp_path, name):
    ending = ENDINGS.get(name, ".parquet")
    for kind in KINDS:
        place = make_place(tmp_path, kind, ending)
        before = contents(tmp_path)
        code, err = run(FILES[name], place)
        assert code in (2, 3), (kind, err)
        assert [line.partition(":")[0] for line in err.splitlines()[-2:]] == ["error", "hint"], kind
        assert contents(tmp_path) == before, kind
        assert "scan:" not in err, kind  # before the work
        for path in (tmp_path / f"place{ending}", tmp_path / "first", tmp_path / "file"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(True)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOLDERS)
def test_no_folder_that_holds_anything_else_is_replaced(run, tmp_path, name):
    save(tmp_path / "full" / "groups-001.jpg", picture(1))
    save(tmp_path / "full" / "a.png", picture(1))
    (tmp_path / "link").symlink_to("full")
    os.mkfifo(tmp_path / "pipe")
    before = contents(tmp_path)
    for place in ("full", "link", "images", "images/red", "pipe", "m.parquet", "/dev/null", "/"):
        code, err = run(FOLDERS[name], place)
        assert code in (2, 3), (place, err)
        assert [line.partition(":")[0] for line in err.splitlines()[-2:]] == ["error", "hint"]
        assert contents(tmp_path) == before, place


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_an_output_of_ours_is_replaced_and_its_name_may_be_long(run, tmp_path, name):
    ending = "" if name in FOLDERS else ENDINGS.get(name, ".parquet")
    limit = 250 if ending == ".csv" else 255  # room for the companion's ending
    place = "é" * ((limit - len(ending)) // 2) + ending
    for round_ in range(2):
        if name.startswith("export") and round_:
            shutil.rmtree(place)
        code, err = run((FILES | FOLDERS)[name], place)
        assert code == 0, err
        assert (tmp_path / place).exists()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]


def test_an_output_may_lie_among_the_images(run, tmp_path):
    for name in FILES:
        ending = ENDINGS.get(name, ".parquet")
        code, err = run(FILES[name], f"images/red/out-{name.replace(' ', '-')}{ending}")
        assert code == 0, err


def test_a_file_that_would_be_the_companion_of_a_csv_is_not_replaced(run, tmp_path):
    (tmp_path / "t.csv.json").write_text('{"mine": 1}')
    for name in ("cluster as csv", "sample", "split", "merge", "dedup"):
        code, err = run(FILES[name], "t.csv")
        assert code == 3, err
    assert (tmp_path / "t.csv.json").read_text() == '{"mine": 1}'
    assert not (tmp_path / "t.csv").exists()


def test_two_outputs_of_one_name_are_a_mistake(run):
    code, err = run("dedup images --out x.parquet --pairs {}", "x.parquet")
    assert (code, "two outputs" in err) == (2, True)


@pytest.mark.parametrize(
    "line", ["train images --init {}", "dedup {} --out x.parquet", "diff {} {}"]
)
def test_names_that_no_file_can_have_are_mistakes(run, line):
    for name in ("a\0b", "x" * 300, "y/" * 5000):
        code, err = run(line, name)
        assert code in (2, 3), err
        assert [text.partition(":")[0] for text in err.splitlines()[-2:]] == ["error", "hint"]


def test_what_a_terminal_would_obey_is_escaped_in_whatever_is_printed(run, tmp_path):
    name = "\x1b[2J\x1b]0;owned\x07\n\r\u202egnp.png"
    save(tmp_path / "images" / name, picture(77))
    save(tmp_path / "images" / "copy.png", picture(77))
    (tmp_path / "images" / "\x1b[31mbad.jpg").write_bytes(b"no image")
    for line in (
        "cluster images --out new.parquet",
        "dedup images --out new.parquet",
        "diff m.parquet new.parquet",
        "search images/copy.png --by copies",
        "search nowhere\x1b[2J.png --by copies",
        "export nowhere\x1b[2J.parquet --to out",
        "sample new.parquet --size 3 --by no\x1b[2J",
    ):
        _, err = run(line, "")
        shown = err.replace("\n", "")
        assert shown.isprintable(), (line, err)


def test_a_folder_of_mine_does_not_become_a_workspace(run, tmp_path):
    before = contents(tmp_path)
    for folder in ("images", "m.parquet", "/dev/null", "images/red/000.png"):
        code, err = run("dedup images --out new.parquet --workspace {}", folder)
        assert code == 3, err
    assert contents(tmp_path) == before
