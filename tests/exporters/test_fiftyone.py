import json
import os

import pytest

from curate.choices import ExportAs


def test_labels_go_by_path_without_ending(exported):
    folder = exported(ExportAs.FIFTYONE).folder
    labels = json.loads((folder / "labels.json").read_text())["labels"]
    assert labels == {"a": "cat", "c": "dog", "deep/er/b": None}
    assert (folder / "data" / "deep/er/b.png").is_symlink()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of FiftyOne and what it brings along
def test_the_format_is_read_by_fiftyone(exported, tmp_path, monkeypatch):
    monkeypatch.setenv("FIFTYONE_DATABASE_DIR", str(tmp_path / "database"))
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "true")
    fiftyone = pytest.importorskip("fiftyone", reason="fiftyone brings a database along")
    labels = {"a-2.png": "cat", "a.bmp": "dog", "c.png": None, "deep/er/b.png": "dog"}
    folder = exported(ExportAs.FIFTYONE, labels).folder
    kind = fiftyone.types.FiftyOneImageClassificationDataset
    try:
        data = fiftyone.Dataset.from_dir(dataset_dir=str(folder), dataset_type=kind)
    except fiftyone.core.config.FiftyOneConfigError as error:
        pytest.skip(f"no database for fiftyone: {error}")
    label_of = {
        os.path.relpath(sample.filepath, folder / "data"): sample.ground_truth
        and sample.ground_truth.label
        for sample in data
    }
    assert label_of == labels
