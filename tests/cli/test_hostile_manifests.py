"""Every command that takes a manifest, with manifests as nobody should write them."""

import shutil

import pytest

from curate import ClusterConfig, SampleConfig, cluster, dedup, sample, split
from curate.cli.app import main
from tests.cli.hostile_manifests import FILES, TABLES, write_hostile

COMMANDS = (
    "dedup M --out d.parquet --pairs p.parquet --sheet drawn",
    "dedup images --against M --out a.parquet",
    "sample M --size 3 --out s.parquet",
    "sample M --size 3 --by label,format --stratify status --within central --out s2.parquet",
    "sample M --size 3 --within diverse --out s3.parquet",
    "sample M --size 3 --include keep --exclude bytes<0 --out s4.csv",
    "split M --out t.parquet",
    "split M --stratify label --by cluster --stable --out t.csv",
    "export M --to e1 --as symlink --where true",
    "export M --to e2 --as tar --layout flat --changed take",
    "export M --to e3 --as parquet --layout split/label",
    "export M --to e4 --as coco",
    "export M --to e5 --as list --null",
    "export M --to e6 --as fiftyone --changed fail",
    "diff M good.parquet",
    "diff good.parquet M",
    "merge M good.parquet --out m1.parquet",
    "merge good.parquet M --out m2.parquet --columns label",
    "merge M good.parquet --on hash --out m3.csv",
    "sheet M --by label --out s.jpg",
    "sheet M --where keep --out s.png",
    "probe M --together cluster",
    "probe good.parquet --test M",
    "info M",
    "cluster images --out M",
    "dedup images --out M",
)
DOCUMENTED = (0, 2, 3, 4, 10)


@pytest.fixture(scope="module")
def place(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    shutil.copytree(trained / ".curate", root / ".curate")
    shutil.copytree(trained / "images", root / "images")
    good, space = root / "good.parquet", root / ".curate"
    cluster(root / "images", ClusterConfig(labels="folder"), out=good, workspace=space)
    dedup(good, workspace=space)
    sample(good, SampleConfig(size=9), out=good)
    split(good)
    return root


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", [*TABLES, *FILES])
def test_a_hostile_manifest_is_refused_in_two_lines_or_works(
    place, tmp_path, monkeypatch, capsys, kind
):
    for name in ("images", ".curate"):
        (tmp_path / name).symlink_to(place / name)
    shutil.copy(place / "good.parquet", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_WORKSPACE", raising=False)
    hostile = tmp_path / "hostile.parquet"
    write_hostile(kind, place / "good.parquet", hostile)
    content = hostile.read_bytes()
    for line in COMMANDS:
        hostile.write_bytes(content)
        with pytest.raises(SystemExit) as caught:
            main(line.replace("M", "hostile.parquet").split())
        code, err = caught.value.code, capsys.readouterr().err
        assert code in DOCUMENTED, (line, err)
        if code in (2, 3, 4):
            last = [text.partition(":")[0] for text in err.splitlines()[-2:]]
            assert last == ["error", "hint"], (line, err)
        assert not list(tmp_path.glob(".*.partial")), line
    assert (place / "images" / "red" / "000.png").is_file()
