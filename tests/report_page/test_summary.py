from pathlib import Path

import numpy as np
import pytest

from curate.pages.group_index import GroupIndex
from curate.pages.images_table import ImagesTable
from curate.report_page.actions import Commands, list_actions
from curate.report_page.balance import measure_spread
from curate.report_page.certainty import compare_with_judged, expect_precision
from curate.report_page.summary import summarize
from curate.review_page.listings import list_subjects
from tests.report_page.conftest import make_table

DUPLICATES = {
    "group": [0, 0, 1, 1, None, None],
    "match": [None, "near", None, "bytes", None, None],
    "duplicate_of": [None, "0000.png", None, "0002.png", None, None],
    "similarity": [None, 0.9, None, 1.0, None, None],
    "keep": [True, False, True, False, True, True],
}
COMMANDS = Commands(manifest="m.parquet", source="/i")


def test_groups_in_several_splits_are_leaks_and_with_several_labels_conflicts():
    table = make_table(
        6,
        **DUPLICATES,
        split=["train", "test", "train", "train", "val", "test"],
        label=["cat", "cat", "cat", "dog", None, "dog"],
    )
    summary = summarize(ImagesTable(table))
    assert (summary.leaks, summary.conflicts) == ([0], [1])
    assert (summary.n_copies, summary.copy_bytes, summary.n_groups) == (2, 200, 2)
    assert summary.expected_wrong == pytest.approx(0.1)
    assert [(one.match, one.n_images) for one in summary.evidence] == [("bytes", 1), ("near", 1)]


def test_a_missing_label_or_split_is_no_conflict():
    table = make_table(6, **DUPLICATES, label=["cat", None, None, None, None, None])
    assert summarize(ImagesTable(table)).conflicts == []


def test_commands_quote_what_a_shell_would_take_apart():
    table = make_table(6, **DUPLICATES, split=["train", "test", *["train"] * 4])
    commands = [
        a.command
        for a in list_actions(
            summarize(ImagesTable(table)), Commands(manifest="a b;c.parquet", source="/i")
        )
    ]
    assert "curate split 'a b;c.parquet'" in commands


def test_a_folder_that_was_not_searched_is_told_to_search_first():
    actions = list_actions(summarize(ImagesTable(make_table(3))), COMMANDS)
    assert actions[0].command == "curate dedup m.parquet"


def test_equal_sizes_are_as_even_as_there_are_groups():
    assert measure_spread("all", np.array([5, 5, 5, 5])).effective == pytest.approx(4)
    assert measure_spread("all", np.array([7, 0, 0])).effective == pytest.approx(1)
    assert measure_spread("all", np.array([], int)).effective == 0


def test_the_most_doubtful_groups_come_first_and_certain_ones_are_not_doubtful():
    index = GroupIndex.of(ImagesTable(make_table(6, **DUPLICATES)))
    assert index.most_doubtful(5) == [0]
    assert sorted(index.largest(5)) == [0, 1]
    assert index.members(1).tolist() == [2, 3]


def test_judged_pairs_are_counted_beside_their_stated_probability():
    (low, high) = compare_with_judged([0.6, 0.7, 0.995, 0.999], [False, True, True, True])
    assert (low.n_pairs, low.observed) == (2, 0.5)
    assert (high.n_pairs, high.observed) == (2, 1.0)
    assert high.stated == pytest.approx(0.997)


def test_expected_precision_is_the_mean_of_the_surest():
    accepted, expected = expect_precision(np.array([0.8, 1.0]))
    assert accepted == [1, 2]
    assert expected == pytest.approx([1.0, 0.9])


def test_classes_of_objects_are_counted_by_objects_and_by_images():
    objects = [["car", "car", "dog"], ["car"], [], None, ["<b>"], ["car"]]
    table = make_table(6, **DUPLICATES, objects=objects, selected=[True] * 2 + [False] * 4)
    table = table.set_column(
        table.column_names.index("status"), "status", [["ok"] * 5 + ["unreadable"]]
    )
    found = summarize(ImagesTable(table)).objects
    counts = [(c.name, c.n_objects, c.n_images, c.n_kept, c.n_selected) for c in found.classes]
    assert counts == [("car", 3, 2, 1, 2), ("<b>", 1, 1, 1, 0), ("dog", 1, 1, 1, 1)]
    assert (found.n_classes, found.n_empty, found.n_unknown) == (3, 1, 1)
    assert summarize(ImagesTable(make_table(2))).objects is None


def test_a_copy_without_its_kept_image_is_left_out_but_is_no_group_to_look_at():
    table = make_table(6, **DUPLICATES).slice(1, 1)
    actions = list_actions(summarize(ImagesTable(table)), COMMANDS)
    assert [action.command.split()[1] for action in actions] == ["export"]  # of one, no groups


def test_suspects_are_no_finding_where_the_features_do_not_predict_the_labels():
    labels = ["a", "b"] * 10
    weak = make_table(20, label=labels, label_suspect=[0.9] * 12 + [0.1] * 8)
    good = make_table(20, label=labels, label_suspect=[0.9] * 2 + [0.1] * 18)
    for table, n_suspects in ((weak, 0), (good, 2)):
        summary = summarize(ImagesTable(table))
        titles = [action.title for action in list_actions(summary, COMMANDS)]
        assert summary.n_suspects == n_suspects
        assert ("Check 2 suspicious labels" in titles) is bool(n_suspects)
        assert len(list_subjects(ImagesTable(table))["label"]) == n_suspects


@pytest.mark.parametrize(("n_suspects", "n_drawn"), [(176, 176), (600, 500)])
def test_the_sheet_of_suspects_draws_as_many_as_are_told(n_suspects, n_drawn):
    n = 4 * n_suspects
    suspicion = [0.9] * n_suspects + [0.1] * (n - n_suspects)
    table = make_table(n, label=["a", "b"] * (n // 2), label_suspect=suspicion)
    actions = list_actions(summarize(ImagesTable(table)), COMMANDS)
    (sheet,) = (action for action in actions if action.section == "suspects")
    assert f"--limit {n_drawn} " in sheet.command
    assert (f"The {n_drawn} most suspicious" in sheet.reason) is (n_drawn < n_suspects)


def test_images_that_nothing_was_said_of_stay_and_are_to_be_searched():
    table = make_table(6, **(DUPLICATES | {"keep": [True, False, True, False, True, None]}))
    actions = list_actions(summarize(ImagesTable(table)), COMMANDS)
    found = {action.title: action.command for action in actions}
    assert found["Search 1 more image for copies"] == "curate dedup m.parquet"
    assert (
        found["Leave out 2 images that need not be kept (200 B)"]
        == "curate export m.parquet --to kept"
    )
    drawn = table.append_column("selected", [[True] + [False] * 5])
    last = list_actions(summarize(ImagesTable(drawn)), COMMANDS)[-1]
    assert last.command == "curate export m.parquet --to kept --where 'keep is not false'"


def test_a_copy_that_a_person_keeps_is_none_to_leave_out():
    table = make_table(6, **(DUPLICATES | {"keep": [True, True, True, False, True, True]}))
    summary = summarize(ImagesTable(table))
    assert (summary.n_copies, summary.copy_bytes, summary.n_groups) == (1, 100, 2)
    assert [one.match for one in summary.evidence] == ["bytes"]


def test_commands_name_the_workspace_and_no_file_is_taken_for_an_option():
    commands = Commands(manifest="-m.parquet", source="/my i", workspace=Path("w w"))
    assert commands.format("review") == "curate review ./-m.parquet --workspace 'w w'"
    assert commands.format_grouping() == (
        "curate train '/my i' --workspace 'w w' && "
        "curate cluster --out ./-m.parquet --workspace 'w w'"
    )
