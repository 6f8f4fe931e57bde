"""Pipelines: what is checked, what runs, and why."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import DedupConfig, RunConfig, dedup, run
from curate.choices import ExportAs, Level
from curate.cli.stage_commands import ProgramCommands
from curate.errors import CurateError, InputError, UsageError
from curate.pipeline.commands import Ended
from curate.pipeline.example import EXAMPLE
from curate.pipeline.parse import read_pipeline
from curate.pipeline.schema import make_schema
from curate.review_page.decisions import Decision, DecisionLog, Verdict
from tests.conftest import make_folder, picture, save

CHAIN = """\
images = "images"

[dedup]
level = "pixels"

[split]
ratios = { train = 0.5, val = 0.5 }
stable = true

[export]
to = "out"
as = "copy"
where = "split = 'train'"

[[sheet]]
where = "split = 'train'"
out = "train.jpg"

[[sheet]]
where = "split = 'val'"
out = "val.jpg"
"""
STEPS = ["dedup", "split", "export", "sheet", "sheet-2"]


@pytest.fixture
def chain(tmp_path, images, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_WORKSPACE", raising=False)
    path = Path("pipeline.toml")
    path.write_text(CHAIN)
    return path


def ran(path, **settings):
    return [step.name for step in run(path, RunConfig(**settings)).steps if step.is_run]


def reasons(path, **settings):
    result = run(path, RunConfig(is_plan=True, **settings))
    return {step.name: step.reason for step in result.steps if step.is_run}


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_chain_runs_once_and_then_only_what_changed(chain):
    assert ran(chain) == STEPS
    assert Path("out").is_dir()
    assert ran(chain) == []
    change(chain, "train.jpg", "train2.jpg")
    assert reasons(chain) == {"sheet": "setting changed: out"}
    assert ran(chain) == ["sheet"]
    assert reasons(chain, changes=("split.seed=1",))["split"] == "setting changed: seed"
    assert set(reasons(chain, changes=("split.seed=1",))) == {*STEPS} - {"dedup"}


def test_new_images_and_lost_or_changed_outputs_are_seen(chain, images):
    ran(chain)
    Path("val.jpg").unlink()
    assert reasons(chain) == {"sheet-2": "val.jpg is gone"}
    ran(chain)
    (Path("out") / "red" / "000.png").unlink()
    assert "out is not what was written" in reasons(chain)["export"]
    save(images / "new.png", picture(99))
    assert reasons(chain)["dedup"] == "input changed: the images"


def test_a_dry_run_does_nothing_and_says_what_would_be(chain):
    assert reasons(chain) == dict.fromkeys(STEPS, "it was not done yet")
    assert not Path("manifest.parquet").exists()
    assert not Path(".curate").exists()


def test_a_folder_that_the_pipeline_exported_is_exported_anew_and_no_other(chain):
    ran(chain)
    change(chain, "split = 'train'\"\n\n[[sheet", "split = 'val'\"\n\n[[sheet")
    assert ran(chain) == ["export"]
    (Path("out") / "mine.txt").write_text("somebody's")
    change(chain, "split = 'val'\"\n\n[[sheet", 'keep"\n\n[[sheet')
    with pytest.raises(UsageError, match="not an empty folder"):
        ran(chain)
    assert (Path("out") / "mine.txt").exists()


def test_an_export_that_fails_or_is_stopped_leaves_the_last_one(chain):
    ran(chain)
    before = sorted(path.name for path in Path("out").rglob("*"))
    with pytest.raises(CurateError):
        ran(chain, changes=("export.where=nonsense(",))
    assert sorted(path.name for path in Path("out").rglob("*")) == before

    class Dies(ProgramCommands):
        def call(self, command, words):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(chain, RunConfig(start="export"), commands=Dies())
    assert sorted(path.name for path in Path("out").rglob("*")) == before
    assert "export" in ran(chain)
    assert not list(Path().glob(".curate-*"))


def test_a_folder_that_a_killed_run_laid_aside_is_put_back(chain):
    ran(chain)
    code = f"""
import os
from curate import RunConfig, run
from curate.cli.stage_commands import ProgramCommands
class Dies(ProgramCommands):
    def call(self, command, words):
        os._exit(9)
run({str(chain)!r}, RunConfig(start="export"), commands=Dies())
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert not Path("out").exists()
    with pytest.raises(UsageError):
        ran(chain, start="export", changes=("export.changed=fail", "export.null=true"))
    ran(chain, start="split", changes=("export.to=other",))
    assert any(Path("out").iterdir())
    assert not list(Path().glob(".curate-aside*"))


def test_a_source_is_never_taken_for_what_a_step_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(Path("shots.parquet"))
    path = Path("p.toml")
    path.write_text('images = "shots.parquet"\n[dedup]\nlevel = "pixels"\n[split]\nseed = 1\n')
    assert ran(path) == ["dedup", "split"]
    assert ran(path, changes=("dedup.level=bytes",)) == ["dedup", "split"]
    assert len(list(Path("shots.parquet").rglob("*.png"))) > 2
    assert Path("manifest.parquet").is_file()


def test_a_folder_that_no_export_of_the_pipeline_wrote_is_not_removed(chain):
    chain.write_text('images = "images"\n[dedup]\nlevel = "pixels"\nsheet = "drawn"\n')
    ran(chain)
    chain.write_text('images = "images"\n[dedup]\nlevel = "pixels"\n[export]\nto = "drawn"\n')
    with pytest.raises(UsageError, match="not an empty folder"):
        ran(chain)
    assert any(Path("drawn").iterdir())


@pytest.mark.parametrize("address", ["list.csv", "list.parquet#file", "t.parquet", "t*.parquet"])
def test_lists_tables_and_patterns_are_sources_of_a_pipeline(chain, images, address):
    files = sorted(images.rglob("0*.png"))[:4]
    Path("list.csv").write_text("\n".join(["file", *map(str, files)]))
    pq.write_table(pa.table({"file": [*map(str, files)]}), "list.parquet")
    pq.write_table(pa.table({"image": [file.read_bytes() for file in files]}), "t.parquet")
    chain.write_text(f'[dedup]\ntarget = "{address}"\nlevel = "pixels"\n[split]\nseed = 1\n')
    assert ran(chain) == ["dedup", "split"]
    assert ran(chain) == []
    save(files[0], picture(99))
    pq.write_table(pa.table({"image": [file.read_bytes() for file in files]}), "t.parquet")
    assert reasons(chain)["dedup"] == "input changed: the images"


def test_a_stage_writes_the_manifest_that_it_is_given(chain):
    ran(chain)
    shutil.copy("manifest.parquet", "other.parquet")
    change(chain, "ratios", "manifest = 'other.parquet'\nratios")
    step = read_pipeline(chain, (), ProgramCommands()).steps[1]
    assert (step.reads, step.writes) == (("other.parquet",), ("other.parquet",))


def test_without_a_source_the_newest_of_the_workspace_is_meant(chain, images):
    ran(chain)
    other = Path("other.toml")
    other.write_text('[dedup]\nlevel = "bytes"\n')
    step = read_pipeline(other, (), ProgramCommands()).steps[0]
    assert step.writes == (str(Path("manifest.parquet").absolute()),)


def test_frames_of_clips_are_listed_as_they_are_taken(tmp_path, monkeypatch):
    from tests.sources.test_video import write_clip  # skips where clips cannot be read

    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "clips" / "a.mkv", seed=1)
    path = Path("p.toml")
    path.write_text('images = "clips"\n[dedup]\nlevel = "pixels"\nfps = "1"\n')
    assert ran(path) == ["dedup"]
    assert ran(path) == []
    write_clip(tmp_path / "clips" / "b.mkv", seed=2)
    assert reasons(path) == {"dedup": "input changed: the images"}


def test_what_dedup_compares_with_and_all_that_it_writes_is_watched(chain, images, tmp_path):
    save(tmp_path / "against" / "0.png", picture(50))
    chain.write_text(
        'images = "images"\n[dedup]\nlevel = "pixels"\nagainst = ["against"]\n'
        'pairs = "pairs.parquet"\nsheet = "drawn"\n'
    )
    assert ran(chain) == ["dedup"]
    assert ran(chain) == []
    Path("pairs.parquet").unlink()
    assert reasons(chain) == {"dedup": "pairs.parquet is gone"}
    ran(chain)
    shutil.rmtree("drawn")
    assert reasons(chain) == {"dedup": "drawn is gone"}
    shutil.copy(images / "red" / "000.png", "against")
    assert reasons(chain) == {"dedup": "input changed: against"}


def test_a_workspace_to_compare_with_is_the_source_it_has_seen_last(chain, tmp_path):
    save(tmp_path / "other" / "0.png", picture(50))
    dedup("other", DedupConfig(level="pixels"), out="other.parquet", workspace="theirs")
    chain.write_text('images = "images"\n[dedup]\nlevel = "pixels"\nagainst = "theirs"\n')
    ran(chain)
    assert ran(chain) == []
    save(tmp_path / "other" / "1.png", picture(51))
    assert reasons(chain) == {"dedup": "input changed: theirs"}


def test_decisions_of_a_review_are_an_input_where_they_are_obeyed(chain):
    change(chain, "[split]", "[report]\n\n[split]")
    ran(chain)
    DecisionLog.of_workspace(Path(".curate")).append(
        [Decision(subject="image", hashes=("0" * 64,), verdict=Verdict.KEEP)]
    )
    said = "input changed: the decisions of curate review"
    assert {name: why for name, why in reasons(chain).items() if "review" in why} == {
        "dedup": said, "report": f"input changed: manifest.parquet, {said.partition(': ')[2]}",
    }  # fmt: skip
    change(chain, 'level = "pixels"', 'level = "pixels"\nignore-reviews = true')
    ran(chain)
    assert ran(chain) == []
    Path(".curate/reviews.jsonl").unlink()
    assert "dedup" not in reasons(chain)


def test_every_option_that_names_a_file_is_an_input(chain, images):
    commands = ProgramCommands()
    for name in ("init.safetensors", "shares.csv", "before.parquet", "other.parquet"):
        Path(name).write_text("1")
    chain.write_text(
        "[train]\nimages = 'images'\ninit = 'init.safetensors'\n"
        "[dedup]\nlabels = 'shares.csv'\ntarget = 'images'\n"
        "[[sample]]\nsize = 2\nquota = './shares.csv'\n"
        "[[sample]]\nsize = 2\ncontinue = 'before.parquet'\nquota = 'equal'\n"
        "[merge]\nother = 'other.parquet'\n"
        "[probe]\ntest = 'other.parquet'\n"
    )
    assert [step.reads for step in read_pipeline(chain, (), commands).steps] == [
        ("init.safetensors",),
        ("shares.csv",),
        ("manifest.parquet", "shares.csv"),
        ("sample.parquet", "before.parquet"),
        ("sample.parquet", "other.parquet"),
        ("merged.parquet", "other.parquet"),
    ]


def test_labels_in_a_list_are_an_input(chain, images):
    files = sorted(images.rglob("0*.png"))[:2]
    Path("list.csv").write_text(f"file,label\n{files[0]},a\n{files[1]},a\n")
    chain.write_text('images = "list.csv"\n[dedup]\nlevel = "pixels"\nlabels = "source"\n')
    ran(chain)
    assert ran(chain) == []
    Path("list.csv").write_text(f"file,label\n{files[0]},a\n{files[1]},b\n")
    assert ran(chain) == ["dedup"]


def test_a_model_that_was_removed_is_trained_again(chain, workspace):
    class Trains(ProgramCommands):
        def call(self, command, words):
            (workspace.model("mine") / "model.json").parent.mkdir(parents=True)
            (workspace.model("mine") / "model.json").write_text("{}")
            return Ended(exit_code=0, result={})

    chain.write_text('images = "images"\n[train]\nname = "mine"\n')
    run(chain, commands=Trains())
    assert reasons(chain) == {}
    shutil.rmtree(workspace.model("mine"))
    assert reasons(chain) == {"train": ".curate/models/mine/model.json is gone"}


def test_an_export_that_a_later_step_takes_for_its_source_need_not_be_there_yet(chain):
    change(chain, '"copy"\nwhere', '"copy"\n[embed]\nimages = "out"\n#')
    assert list(reasons(chain)) == ["dedup", "split", "export", "embed", "sheet", "sheet-2"]


def test_a_setting_that_is_off_though_it_is_on_by_default_is_told(chain):
    chain.write_text('images = "images"\n[train]\nresume = false\npretrained = false\n')
    words = read_pipeline(chain, (), ProgramCommands()).steps[0].words
    assert [word for word in words if word.startswith("--")] == ["--no-resume", "--"]


def test_from_runs_a_stage_and_all_after_it(chain):
    ran(chain)
    assert ran(chain, start="sheet") == ["sheet", "sheet-2"]
    with pytest.raises(UsageError, match="did you mean split"):
        ran(chain, start="splt")


def test_what_runs_on_older_inputs_by_from_runs_again_once_they_are_made(chain, images):
    ran(chain)
    save(images / "new.png", picture(99))
    assert ran(chain, start="sheet-2") == ["sheet-2"]
    assert ran(chain) == STEPS
    assert ran(chain) == []


def test_a_stage_that_was_killed_runs_again(chain):
    class Dies(ProgramCommands):
        def call(self, command, words):
            if command == "export":
                raise KeyboardInterrupt
            return super().call(command, words)

    with pytest.raises(KeyboardInterrupt):
        run(chain, commands=Dies())
    assert ran(chain) == ["export", "sheet", "sheet-2"]


def test_a_check_that_finds_something_ends_the_chain_with_its_code(chain):
    result = run(chain, RunConfig(changes=("dedup.check=true",)))
    assert (result.exit_code, [step.name for step in result.steps]) == (10, ["dedup"])
    assert result.steps[0].result["n_duplicates"] == 2


def test_a_manifest_that_is_filled_in_its_place_is_not_an_input_that_changed(chain):
    ran(chain)
    other = Path("other.toml")
    other.write_text("[split]\nmanifest = 'manifest.parquet'\nby = 'label'\n")
    assert ran(other) == ["split"]
    assert ran(other) == []


WRONG = [
    ("precision", "precison", 4, "did you mean precision"),
    ("precision = 0.9", "precision = 7", 3, "precision must lie in"),
    ("precision = 0.9", "precision = true", 4, "must be a number"),
    ('level = "near"', 'level = "twins"', 5, "must be one of file, bytes"),
    ("[dedup]", "[dedupe]", 3, "did you mean dedup"),
    ("images", "imags", 1, "did you mean images"),
    ("[dedup]", "[dedup", 3, "is no TOML"),
]


@pytest.mark.parametrize(("old", "new", "line", "said"), WRONG)
def test_a_mistake_is_told_with_its_line_before_anything_runs(
    tmp_path, monkeypatch, old, new, line, said
):
    monkeypatch.chdir(tmp_path)
    text = 'images = "i"\n\n[dedup]\nprecision = 0.9\nlevel = "near"\n'
    path = tmp_path / "p.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match=said) as caught:
        run(path)
    assert f"line {line}" in str(caught.value)
    assert caught.value.hint


def test_a_mistake_in_a_setting_is_told_with_that_setting(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text("[dedup]\ntarget = 'i'\nprecision = 0.9\n")
    for change, said in (
        ("dedup.precision=abc", "^--set dedup.precision=abc: precision must be a number"),
        ("dedup.precison=1", "^--set dedup.precison=1: dedup has no option"),
        ("dedup.precision=7", "p.toml, line 1, --set dedup.precision=7: "),
        ("dedupe.precision=1", "^--set dedupe.precision=1: there is no stage"),
    ):
        with pytest.raises(UsageError, match=said):
            run(path, RunConfig(changes=(change,)))


def test_the_second_section_of_a_stage_is_told_by_its_own_line(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text("[[sheet]]\nmanifest = 'm'\n\n[[sheet]]\nmanifest = 'm'\nwher = 'keep'\n")
    with pytest.raises(UsageError, match="line 6"):
        run(path)


def test_a_file_that_nobody_writes_is_missed_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.toml"
    path.write_text("[split]\nmanifest = 'nowhere.parquet'\n")
    with pytest.raises(InputError, match="no step before writes"):
        run(path)
    path.write_text("[split]\n")
    with pytest.raises(UsageError, match="line 1"):
        run(path)


def test_the_example_names_every_key_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "p.toml"
    uncommented = [
        line.replace("# ", "", 1)
        if line.startswith("# ") and ("[" in line or " = " in line)
        else line
        for line in EXAMPLE.splitlines()
    ]
    path.write_text("\n".join(uncommented))
    steps = read_pipeline(path, (), ProgramCommands()).steps
    assert [step.name for step in steps] == [
        "train", "cluster", "dedup", "split", "sample", "export",
    ]  # fmt: skip
    assert steps[-1].reads == ("subset.parquet",)


def test_the_example_names_every_choice():
    for choices in (Level, ExportAs):
        for choice in choices:
            assert re.search(rf'[" ]{choice}\b', EXAMPLE), choice


@pytest.mark.slow
def test_the_example_runs_on_a_folder_of_few_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in range(8):
        save(tmp_path / "images" / f"{seed}.png", picture(seed))
    (tmp_path / "p.toml").write_text(EXAMPLE)
    quick = RunConfig(changes=("train.budget='5s'", "train.device='cpu'"))
    assert run("p.toml", quick).exit_code == 0
    assert len(list((tmp_path / "subset").iterdir())) == 8


def test_the_schema_takes_the_example_and_refuses_what_is_wrong():
    jsonschema = pytest.importorskip("jsonschema")
    schema = make_schema(ProgramCommands())
    jsonschema.validate(tomllib.loads(EXAMPLE), schema)
    jsonschema.validate(tomllib.loads(CHAIN), schema)
    wrong = json.loads(json.dumps(tomllib.loads(EXAMPLE)).replace("precision", "precison"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)


@pytest.mark.parametrize(
    "line",
    [
        "images = 3", "images = [1]", 'images = ""', "images = []", "workspace = 3", 'seed = "x"',
    ],
)  # fmt: skip
def test_values_of_another_kind_above_the_sections_are_mistakes(chain, line):
    chain.write_text(f"{line}\n{CHAIN.partition('images = ')[2].partition(chr(10))[2]}")
    with pytest.raises(UsageError, match=r"line 1: .* must be"):
        run(chain)


def test_an_option_that_is_empty_is_a_mistake(chain):
    chain.write_text('images = "images"\n[dedup]\nout = ""\n')
    with pytest.raises(UsageError, match="line 3: out must be a text that is not empty"):
        run(chain)


def test_what_is_no_text_is_no_pipeline(chain):
    chain.write_bytes(b"\x93\xff\x00")
    with pytest.raises(UsageError, match="is no TOML"):
        run(chain)


@pytest.mark.parametrize(
    "section",
    [
        "[split]\nmanifest = URL", "[dedup]\nlevel = URL", "[dedup]\nlabels = URL",
        "[dedup]\nprotect = [URL]", "[dedup]\nfps = URL", "[train]\ninit = URL",
    ],
)  # fmt: skip
def test_no_error_tells_the_password_of_a_url(chain, section):
    url = "http://me:s3cret@host/x.parquet"
    chain.write_text(f'images = "images"\n{section.replace("URL", repr(url))}\n')
    with pytest.raises(CurateError, match=r"host/x\.parquet") as caught:
        run(chain)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(CurateError) as caught:
        run(chain, RunConfig(changes=(f"imags={url}",)))
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


def test_no_record_holds_the_password_of_a_url(chain):
    class Does(ProgramCommands):
        def call(self, command, words):
            return Ended(exit_code=0, result={})

    url = "http://me:s3cret@host/x.parquet"
    chain.write_text(f'images = "{url}"\n[dedup]\nagainst = "{url}"\nlevel = "pixels"\n')
    result = run(chain, commands=Does())
    record = Path(".curate/pipelines/pipeline.json").read_text()
    assert "host/x.parquet" in record
    assert "s3cret" not in f"{result} {record}"


def test_a_setting_of_what_is_no_section_is_a_mistake(chain):
    with pytest.raises(UsageError, match="images is no section"):
        run(chain, RunConfig(changes=("images.level=1",)))


def test_a_workspace_may_have_any_name(chain, tmp_path):
    run(chain, RunConfig(is_plan=True), workspace="3")
    run(chain, RunConfig(is_plan=True), workspace=tmp_path / 'a "b"')
