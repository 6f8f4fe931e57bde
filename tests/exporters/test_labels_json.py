import json
from contextlib import ExitStack

from curate.exporters.labels_json import LABELS, LabelsJson, to_json


def test_lists_are_written_item_by_item_and_make_one_json(tmp_path):
    with ExitStack() as resources:
        labels = LabelsJson(tmp_path, resources)
        labels.start_list('{"images": [')
        labels.add_item(to_json(1))
        labels.add_item(to_json("é"))
        labels.start_list('\n], "annotations": [')
        labels.end("\n]}")
    text = (tmp_path / LABELS).read_text(encoding="utf-8")
    assert json.loads(text) == {"images": [1, "é"], "annotations": []}
    assert text.splitlines()[1:3] == ["1,", '"é"']
