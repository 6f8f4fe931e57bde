import json
import os
import shutil
import subprocess
import sys
import time
from datetime import datetime

import pytest

from curate.errors import InputError, ResourceError
from curate.workspace.workspace import Workspace, find_workspace


def test_the_workspace_is_the_one_named_else_the_environments_else_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURATE_WORKSPACE", raising=False)
    assert find_workspace(None).root == tmp_path / ".curate"
    monkeypatch.setenv("CURATE_WORKSPACE", "elsewhere")
    assert find_workspace(None).root == tmp_path / "elsewhere"
    assert find_workspace(tmp_path / "named").root == tmp_path / "named"


def test_the_newest_source_and_manifest_are_remembered(workspace, tmp_path):
    with workspace.writing():
        for name in ("one", "two", "one"):
            workspace.remember(source=tmp_path / name, manifest=tmp_path / f"{name}.parquet")
    (tmp_path / "two.parquet").touch()
    assert workspace.newest_source() == str(tmp_path / "one")
    assert workspace.newest_manifest() == tmp_path / "two.parquet"
    assert workspace.facts()["sources"] == [str(tmp_path / "two"), str(tmp_path / "one")]


def test_an_empty_workspace_says_where_to_start(workspace):
    with pytest.raises(InputError) as caught:
        workspace.newest_source()
    assert "curate train" in caught.value.hint
    with pytest.raises(InputError, match="knows of no manifest"):
        workspace.newest_manifest()


@pytest.mark.parametrize("content", ['{"format": 99}', "[]", "no json"])
def test_another_format_is_refused(workspace, content):
    workspace.root.mkdir()
    (workspace.root / "workspace.json").write_text(content)
    with pytest.raises(InputError), workspace.writing():
        pass


def test_a_second_writer_is_told_who_holds_the_lock(workspace):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from curate.workspace.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).writing(): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(workspace.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with (
                pytest.raises(ResourceError, match=f"process {holder.pid} on") as caught,
                workspace.writing(),
            ):
                pass
            said = str(caught.value)
            assert f"`-c {workspace.root}`" in said
            assert f"since {datetime.now():%Y-%m-%d}" in said  # noqa: DTZ005 - local time
        finally:
            holder.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # a killed holder leaves no lock
        try:
            with workspace.writing():
                assert json.loads((workspace.root / "lock.json").read_text())["pid"] == os.getpid()
            break
        except ResourceError:
            time.sleep(0.05)
    else:
        pytest.fail("the lock of a killed process is still held")


def test_scraps_of_a_killed_run_are_swept(workspace):
    scrap = workspace.pixels / ".000001.bin.partial"
    scrap.parent.mkdir(parents=True)
    scrap.write_text("half")
    with workspace.writing():
        assert not scrap.exists()


def test_models_that_are_not_finished_are_not_listed(workspace):
    for name in ("default", ".default.training", "half"):
        workspace.model(name).mkdir(parents=True)
    (workspace.model("default") / "model.json").write_text("{}")
    (workspace.model(".default.training") / "model.json").write_text("{}")
    assert workspace.models() == ["default"]
    assert Workspace(workspace.root / "none").models() == []


def test_the_lock_is_let_go_and_the_error_is_told_where_the_folder_has_gone(tmp_path):
    space = Workspace(tmp_path / "space")
    with pytest.raises(KeyError), space.writing():
        shutil.rmtree(space.root)
        raise KeyError
    with Workspace(tmp_path / "space").writing():
        pass
