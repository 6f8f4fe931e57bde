"""The table of settings in docs/recipe.md says what the code does."""

import re
from pathlib import Path

from swav_train.config import TrainConfig
from swav_train.defaults import derive_config
from swav_train.presets import PAPER, find_preset

DOC = Path(__file__).resolve().parents[1] / "docs" / "recipe.md"


def shown(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def test_the_paper_recipe_is_a_valid_configuration():
    config = TrainConfig.from_dict(find_preset("paper"))
    assert (config.n_prototypes, config.batch_size, config.n_crops) == (3000, 4096, 8)


def test_every_setting_of_the_recipe_stands_in_the_table_with_both_values():
    ours = derive_config(
        n_images=10_000, side_px=32, device="cpu", n_cores=2, budget_seconds=480, overrides={}
    ).to_dict()
    paper = TrainConfig.from_dict(PAPER).to_dict()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", DOC.read_text(), re.MULTILINE))
    assert set(rows) == set(PAPER)
    for name in PAPER:
        paper_text, ours_text, why = rows[name].split(" | ")
        assert paper_text == shown(paper[name]), name
        assert ours_text == shown(ours[name]), name
        assert why
