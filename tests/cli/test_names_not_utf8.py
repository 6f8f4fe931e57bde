"""Folders, outputs and a workspace whose names are not UTF-8 go through every command."""

import os
import sys

import pytest

from curate.cli.app import main as run_program
from tests.conftest import make_folder

SMALL = "--epochs 1 --image-size 32 --batch-size 8 --prototypes 6 --device cpu"
COMMANDS = (
    f"train im_ {SMALL}",
    "cluster --labels folder --out m_.parquet",
    "cluster --labels folder --out m_.csv",
    "dedup m_.csv --out d_.csv --pairs p_.parquet",
    "sample d_.csv --size 9 --out s_.csv",
    "split d_.csv --ratios train=0.6,test=0.4 --out t_.csv",
    "export s_.csv --to o_copy --as copy",
    "export s_.csv --to o_tar --as tar",
    "export s_.csv --to o_parquet --as parquet",
    "export s_.csv --to o_list --as list",
    "report d_.csv --out r_.html",
    "sheet d_.csv --out r_.png",
    "probe d_.csv --neighbors 3",
    "search im_/red/000.png",
    "search im_/red/003.png --by copies",
    "info --verify",
    "prune d_.csv --move gone_ --yes",
    "restore d_.prune-1.jsonl",
    "merge d_.csv s_.csv --out mm_.csv",
    "diff d_.csv s_.csv",
)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take UTF-8 only")
def test_every_command_takes_names_that_are_not_utf8(tmp_path, monkeypatch, capsys):
    place = tmp_path / os.fsdecode(b"caf\xe9")
    make_folder(place / os.fsdecode(b"im\xe9"), n_images=12)
    picture = place / os.fsdecode(b"im\xe9") / "red" / "003.png"
    (picture.parent / os.fsdecode(b"x\xff.png")).write_bytes(picture.read_bytes())
    monkeypatch.chdir(place)
    for line in COMMANDS:
        words = line.replace("_", os.fsdecode(b"\xe9")).split()
        with pytest.raises(SystemExit) as ended:
            run_program([*words, "--workspace", os.fsdecode(b"w\xe8"), "--quiet"])
        assert ended.value.code in (0, None), (line, capsys.readouterr().err)
    assert picture.exists()
    assert len(list(place.glob("*.prune-1.jsonl"))) == 1
