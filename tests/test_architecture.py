import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*ROOT.glob("curate/**/*.py"), *ROOT.glob("swav_train/**/*.py")])


def test_swav_train_is_usable_without_curate():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['curate', 'typer', 'faiss', 'pyarrow']))\n"
        "import swav_train.loop, swav_train.encoder"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_runs_code_from_data_or_swallows_what_it_does_not_know(path):
    tree = ast.parse(path.read_text())
    forbidden = {"eval", "exec", "torch.load", "torch.save", "pickle.load", "pickle.loads"}
    assert forbidden.isdisjoint(calls(tree))
    caught = [
        ast.unparse(node.type)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is not None
    ]
    assert "Exception" not in caught
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert "pickle" not in imported


def test_only_the_command_line_prints():
    allowed = {ROOT / "curate/cli/screen.py", ROOT / "swav_train/__main__.py"}
    assert [
        p for p in SOURCES if p not in allowed and "print" in calls(ast.parse(p.read_text()))
    ] == []
