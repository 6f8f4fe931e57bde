"""Every task of every verb ends at its total: a bar that stops short looks like a failure."""

import numpy as np
import pytest
from PIL import Image

import curate
from tests.conftest import make_folder, picture, save


class Tally:
    """Counts the steps of each task."""

    def __init__(self):
        self.tasks, self._open = [], None

    def begin(self, title, total):
        assert self._open is None, f"{title} begins within {self._open}"
        self._open = [title, total, 0]

    def advance(self, steps=1):
        assert steps >= 0
        self._open[2] += steps

    def note(self, text):
        pass

    def status(self, text):
        pass

    def end(self):
        self.tasks.append(tuple(self._open))
        self._open = None

    def check(self, *titles):
        """Check that every task was done whole, and that those named were there."""
        assert [one for one in self.tasks if one[1] is not None and one[1] != one[2]] == []
        assert set(titles) <= {title for title, _, _ in self.tasks}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder of images, of which some are altered copies, with a workspace."""
    root = tmp_path_factory.mktemp("progress")
    make_folder(root / "images")
    for seed in range(6):
        pixels = picture(seed, width=320, height=240)
        save(root / "images" / f"photo{seed}.jpg", pixels, quality=95)
        save(root / "images" / f"photo{seed}_q.jpg", pixels, quality=50)
        small = np.asarray(Image.fromarray(pixels).resize((200, 150)))
        save(root / "images" / f"photo{seed}_s.jpg", small)
    return root


@pytest.mark.slow
def test_no_task_ends_short_of_its_total(place):
    tally, m, w = Tally(), place / "m.parquet", place / ".curate"
    common = {"workspace": w, "progress": tally}
    budget = curate.TrainConfig(budget_seconds=4, image_size=32, batch_size=8, prototypes=6)
    curate.train(place / "images", budget, **common)
    curate.cluster(out=m, **common)
    curate.dedup(m, **common)
    tally.check("scan", "load", "train, seconds", "embed", "verifying pairs", "looking closely")
    curate.dedup(m, curate.DedupConfig(level="semantic"), **common)
    sample = curate.SampleConfig(size=5, within="diverse")
    curate.sample(m, sample, out=place / "s.parquet", **common)
    curate.report(m, out=place / "r.html", **common)
    tally.check("ordering farthest first", "report, parts")


@pytest.mark.slow
def test_files_that_are_taken_out_are_all_counted(place):
    tally, m, w = Tally(), place / "n.parquet", place / ".curate"
    curate.dedup(place / "images", out=m, workspace=w, progress=tally)
    curate.export(m, to=place / "kept", progress=tally)
    config = curate.PruneConfig(action="move", to=place / "gone", is_plan=False)
    done = curate.prune(m, config, progress=tally)
    curate.restore(done.journal, progress=tally)
    tally.check("export", "prune", "restore")
