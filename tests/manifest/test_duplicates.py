import pyarrow as pa

from curate.manifest.duplicates import count_duplicates
from curate.manifest.rows import HeldRows

LINK = "another name of the same file"
FOR_LABELS = "its copies have other labels"


def counted(*rows):
    names = ("bytes", "group", "match", "keep", "keep_reason")
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
    return count_duplicates(HeldRows(table.append_column("status", pa.array(["ok"] * len(rows)))))


def rungs_of(counts):
    return {
        one.match: (one.n_groups, one.n_images, one.bytes) for one in counts.rungs if one.n_images
    }


def test_links_are_neither_copies_nor_space_nor_groups():
    counts = counted(
        (7, 0, None, True, None),
        (7, 0, "file", False, LINK),
        (7, 0, "file", False, LINK),
        (5, 1, None, True, None),
        (5, 1, "bytes", False, "first path"),
        (5, 1, "bytes", False, LINK),
    )
    assert rungs_of(counts) == {"file": (2, 3, 0), "bytes": (1, 1, 5)}
    assert (counts.n_groups, counts.n_duplicates, counts.n_links, counts.bytes) == (1, 1, 3, 5)


def test_what_goes_for_its_labels_is_tied_to_nothing_and_need_not_be_kept_all_the_same():
    counts = counted((5, 0, None, False, FOR_LABELS), (6, 0, None, False, FOR_LABELS))
    assert rungs_of(counts) == {"labels": (1, 2, 11)}
    assert (counts.n_groups, counts.n_duplicates) == (1, 2)


def test_a_group_of_which_all_images_stay_is_a_group():
    counts = counted((5, 0, None, True, None), (6, 0, None, True, None), (6, 1, None, True, None))
    assert (counts.n_groups, counts.n_duplicates) == (1, 0)


def test_a_row_that_goes_for_no_reason_given_is_not_said_to_go_for_its_labels():
    assert rungs_of(counted((5, None, None, False, None))) == {"unknown": (0, 1, 5)}


def test_nothing_goes_where_copies_were_not_looked_for():
    counts = count_duplicates(HeldRows(pa.table({"status": ["ok", "ok"]})))
    assert (counts.n_groups, counts.n_duplicates, rungs_of(counts)) == (0, 0, {})
