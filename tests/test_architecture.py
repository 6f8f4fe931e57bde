import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("curate/**/*.py"), *ROOT.glob("swav_train/**/*.py")])


def test_swav_train_is_usable_without_curate():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['curate', 'typer', 'faiss', 'pyarrow']))\n"
        "import swav_train.run.train, swav_train.networks.encoder"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_importing_swav_train_is_cheap_and_its_names_come_when_they_are_used():
    code = (
        "import sys, swav_train\n"
        "assert not {'torch', 'timm', 'numpy'} & set(sys.modules)\n"
        "assert [getattr(swav_train, name) for name in swav_train.__all__]\n"
        "assert not hasattr(swav_train, 'speed')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_runs_code_from_data_or_swallows_what_it_does_not_know(path):
    tree = ast.parse(path.read_text())
    names = {ast.unparse(call.func) for call in calls(tree)}
    assert names.isdisjoint({"eval", "exec", "torch.save", "pickle.load", "pickle.loads"})
    for call in calls(tree):
        if ast.unparse(call.func) == "torch.load":
            assert "weights_only=True" in ast.unparse(call)
    nodes = list(ast.walk(tree))
    handlers = [node for node in nodes if isinstance(node, ast.ExceptHandler)]
    if path not in (
        ROOT / "curate/images/decode_here.py",  # there a reader's failure becomes a file's reason
        ROOT / "curate/engine/worker.py",  # there what fails a shard is told to the driver
        ROOT / "curate/engine/ray_driver.py",  # there what Ray raises is told to the command
        ROOT / "curate/sources/fsspec_store.py",  # there each library has errors of its own
        ROOT / "curate/images/capture.py",  # there a damaged tag is one that is not there
        ROOT / "swav_train/__main__.py",  # there a file that cannot be read is skipped with a line
    ):
        assert "Exception" not in {ast.unparse(node.type) for node in handlers if node.type}
    imports = [node for node in nodes if isinstance(node, ast.Import)]
    assert "pickle" not in {alias.name for node in imports for alias in node.names}


def test_only_the_command_line_prints():
    allowed = {ROOT / "curate/cli/screen.py", ROOT / "swav_train/__main__.py"}
    for path in sorted(set(SOURCES) - allowed):
        names = {ast.unparse(call.func) for call in calls(ast.parse(path.read_text()))}
        assert "print" not in names, path


def floors(root):
    """Return the floors of a package as the import linter has them, each a set of names."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (
        contract["layers"]
        for contract in contracts["contracts"]
        if contract["type"] == "layers" and contract["name"].startswith(f"floors of {root}:")
    )
    names = [re.split(r" [|:] ", layer) for layer in layers]
    return [{name.removeprefix(f"{root}.") for name in floor} for floor in names]


def drawn(root):
    """Return the floors that the picture in CONTRIBUTING.md shows for a package."""
    text = (ROOT / "CONTRIBUTING.md").read_text().partition(f"`{root}/`:\n\n")[2]
    picture = text.partition("\n\n")[0].splitlines()
    return [set(re.split(r"\s{2,}", line.strip())[0].split(", ")) for line in picture]


@pytest.mark.parametrize("root", ["curate", "swav_train"])
def test_the_picture_of_the_house_shows_the_floors_that_are_held(root):
    assert drawn(root) == floors(root)


def test_the_house_has_few_floors():
    assert len(floors("curate")) <= 8


def test_every_room_stands_on_a_floor():
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "curate").iterdir()} - {
        "__init__", "__pycache__", "py.typed",
    }  # fmt: skip
    assert rooms == set().union(*floors("curate"))
