import subprocess
import sys

import pytest
import typer

from curate.cli.app import COMMANDS, app
from tests.conftest import picture, save

NAMES = [command.__name__ for command in COMMANDS]
PROMISED = {
    "train": (
        "--recipe --backbone --prototypes --epochs --budget --batch-size --image-size --crops "
        "--queue --precision --device --resume --init --start --pretrained --name "
        "--cluster --shared"
    ),
    "embed": "--model --device --cluster --shared",
    "cluster": "--out --clusters --levels --assign --labels --cluster --shared",
    "dedup": (
        "--out --level --precision --threshold --overlays --recolour --min-overlap --keep "
        "--protect --against --max-removed --model --pairs --sheet --check --ignore-reviews "
        "--labels --on-conflict --cluster --shared"
    ),
    "compare": "--out --precision",
    "sample": "--size --out --by --stratify --within --quota --continue --include --exclude",
    "export": "--to --as --layout --where --changed --null",
    "split": "--ratios --stratify --by --stable --out",
    "prune": (
        "--move --trash --hardlink --reflink --delete --unreadable --where --match --at-least "
        "--sidecars --journal --yes"
    ),
    "restore": "",
    "diff": "",
    "merge": "--out --on --columns",
    "sheet": "--where --by --descending --limit --out",
    "search": "--by -k --like --sheet",
    "probe": "--test --by --together --neighbors --held-out",
    "report": "--out --map",
    "review": "--port --open --no-open",
    "info": "--clusters --verify --repair",
    "run": "--from --dry-run --set --init --schema",
}
EVERYWHERE = "--workspace -w --json --quiet -q --seed --help --jobs --max-memory --json-lines --log"


def help_of(*names):
    from typer.testing import CliRunner

    return CliRunner().invoke(app, [*names, "--help"]).output


def test_the_promised_commands_are_there_and_no_others():
    assert set(typer.main.get_command(app).commands) == set(PROMISED) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_the_promised_options_and_an_example(name):
    text = help_of(name)
    missing = [option for option in f"{PROMISED[name]} {EVERYWHERE}".split() if option not in text]
    assert missing == []
    assert "Example: curate " + name in text


def test_heavy_packages_wait_until_a_command_runs():
    code = (
        "import sys, curate.cli.app; heavy = {'torch', 'torchvision', 'timm', 'faiss', 'pyarrow', "
        "'numpy', 'cv2', 'rich'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_search_for_copies_starts_no_package_that_it_can_do_without(tmp_path):
    for number in range(3):
        save(tmp_path / f"images/{number}.jpg", picture(number))
    code = (
        "import sys, curate.cli.app\n"
        "try: curate.cli.app.main(['dedup', 'images', '-q'])\n"
        "except SystemExit as left: assert not left.code\n"
        "heavy = {'torch', 'sklearn', 'pyarrow.dataset', 'duckdb'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


@pytest.mark.parametrize("name", NAMES)
def test_no_command_ever_asks_anything(name):
    parameters = typer.main.get_command(app).commands[name].params
    assert not [one.name for one in parameters if getattr(one, "prompt", None)]


@pytest.mark.parametrize("name", NAMES)
def test_every_help_text_is_a_sentence(name):
    command = typer.main.get_command(app).commands[name]
    texts = [command.help.split("\n\n")[0], *(parameter.help for parameter in command.params)]
    assert [text for text in texts if not (text[0].isupper() and text.endswith("."))] == []


def test_the_library_offers_every_verb_with_its_config_and_result():
    import curate

    for name in NAMES:
        assert callable(getattr(curate, name))
        assert f"{name.capitalize()}Result" in curate.__all__
    assert all(hasattr(curate, name) for name in curate.__all__)
    with pytest.raises(AttributeError):
        _ = curate.nonsense
