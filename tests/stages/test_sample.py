from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import SampleConfig, sample
from curate.choices import Within
from curate.errors import InputError, UsageError
from curate.manifest.columns import SCAN_COLUMNS
from curate.manifest.manifest import Manifest, read_manifest, write_manifest
from curate.manifest.rows import HeldRows

SIZES = {0: 60, 1: 25, 2: 4, 3: 1}


@pytest.fixture
def manifest(tmp_path):
    """A manifest of 90 images in clusters of 60, 25, 4 and 1, 3 copies and a broken file."""
    clusters = [*np.repeat(list(SIZES), list(SIZES.values())).tolist(), 0, 1, 2, None]
    rows = [
        dict.fromkeys(SCAN_COLUMNS.names)
        | {"path": f"{i:03d}.jpg", "hash": f"{i:064x}", "status": "ok", "bytes": i}
        for i in range(len(clusters))
    ]
    rows[-1]["status"] = "unreadable"
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    table = table.append_column("cluster", [pa.array(clusters, pa.int32())])
    similarity = np.linspace(0, 1, len(clusters), dtype=np.float32)
    table = table.append_column("cluster_similarity", [pa.array(similarity)])
    table = table.append_column("keep", [pa.array([True] * 90 + [False] * 4)])
    write_manifest(Manifest(rows=HeldRows(table), source="/images"), tmp_path / "m.parquet")
    return tmp_path / "m.parquet"


def drawn(manifest, **options):
    result = sample(manifest, SampleConfig(**options), out=manifest.parent / "s.parquet")
    return result, pq.read_table(manifest.parent / "s.parquet")


@pytest.fixture
def draw(manifest, monkeypatch):
    """Draws what `drawn` draws, of rows in memory into rows in memory, for hundreds of seeds."""
    written, read = [], read_manifest(manifest)
    held = replace(read, rows=HeldRows(read.rows.read()))
    in_file = drawn(manifest, size=20, seed=7)[1]
    monkeypatch.setattr("curate.stages.sample.read_manifest", lambda _: held)
    monkeypatch.setattr(
        "curate.stages.sample.write_manifest", lambda made, _: written.append(made.rows.read())
    )

    def draw(**options):
        sample(manifest, SampleConfig(**options), out=manifest.parent / "unwritten.parquet")
        return written.pop()

    assert draw(size=20, seed=7).equals(in_file)
    return draw


def chosen(table):
    return table.filter(table["selected"]).to_pydict()


def test_groups_give_the_same_number_or_all_they_have(manifest):
    result, table = drawn(manifest, size=25)
    counts = np.bincount(chosen(table)["cluster"], minlength=4)
    assert counts.tolist() == [10, 10, 4, 1]
    assert (result.n_selected, result.n_available, result.n_groups) == (25, 90, 4)
    assert (result.smallest, result.largest) == (1, 10)


def test_copies_and_unreadable_images_are_never_drawn(manifest):
    _, table = drawn(manifest, size=90)
    assert all(chosen(table)["keep"])
    assert set(chosen(table)["status"]) == {"ok"}


def test_every_row_stays_and_the_first_manifest_is_untouched(manifest):
    before = manifest.read_bytes()
    _, table = drawn(manifest, size=10)
    assert len(table) == 94
    assert manifest.read_bytes() == before


def test_weights_make_the_mean_of_any_column_unbiased(draw):
    truth = np.arange(90).mean()
    means = []
    for seed in range(400):
        table = draw(size=20, seed=seed)
        taken = chosen(table)
        assert sum(taken["weight"]) == pytest.approx(90)
        means.append(np.average(taken["bytes"], weights=taken["weight"]))
    assert abs(np.mean(means) - truth) < 4 * np.std(means) / np.sqrt(len(means))
    assert table.filter(pa.compute.invert(table["selected"]))["weight"].unique().to_pylist() == [0]


def test_groups_that_give_none_are_stood_for_by_others(draw):
    """Three draws from four clusters: each cluster may be left out, none always is."""
    estimates, seen = [], set()
    for seed in range(600):
        table = draw(size=3, seed=seed)
        taken = chosen(table)
        assert len(set(taken["cluster"])) == 3
        seen.update(taken["cluster"])
        estimates.append(np.dot(taken["bytes"], taken["weight"]))
    assert seen == {0, 1, 2, 3}
    truth = np.arange(90).sum()
    assert abs(np.mean(estimates) - truth) < 4 * np.std(estimates) / np.sqrt(len(estimates))


def test_strata_keep_their_shares_and_clusters_are_even_within(manifest):
    table = pq.read_table(manifest)
    strata = ["day" if row % 3 else "night" for row in range(len(table))]
    pq.write_table(table.append_column("time", [strata]), manifest)
    _, table = drawn(manifest, size=30, stratify="time")
    taken = chosen(table)
    assert taken["time"].count("night") == 10
    night_clusters = [
        c for c, t in zip(taken["cluster"], taken["time"], strict=True) if t == "night"
    ]
    assert np.bincount(night_clusters, minlength=4).tolist() == [5, 4, 1, 0]
    assert sum(taken["weight"]) == pytest.approx(90)


def test_a_column_of_lists_is_balanced_too(manifest):
    result, _ = drawn(manifest, size=10, by=("issues",))
    assert result.n_groups == 1


def test_a_seed_gives_one_draw_and_another_seed_another(manifest):
    draws = [chosen(drawn(manifest, size=20, seed=seed)[1])["path"] for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_central_takes_those_nearest_to_their_prototype(manifest):
    _, table = drawn(manifest, size=8, within=Within.CENTRAL)
    taken = chosen(table)
    paths = [path for path, c in zip(taken["path"], taken["cluster"], strict=True) if c == 0]
    assert paths == [f"{i:03d}.jpg" for i in range(60 - len(paths), 60)]


def test_any_column_can_be_balanced_and_null_is_a_value(manifest):
    result, _ = drawn(manifest, size=10, by=("label",))
    assert (result.n_groups, result.smallest) == (1, 10)


def test_more_than_there_is_is_a_mistake_with_the_number_in_the_hint(manifest):
    with pytest.raises(UsageError) as caught:
        drawn(manifest, size=91)
    assert "90" in caught.value.hint
    assert not (manifest.parent / "s.parquet").exists()


def test_where_nothing_can_be_drawn_no_size_is_asked_for(manifest):
    with pytest.raises(InputError, match="no image can be drawn") as caught:
        drawn(manifest, size=3, include="false")
    assert "--include" in caught.value.hint


def test_a_column_that_is_not_there_is_told_with_the_command_that_fills_it(manifest):
    for name, filler in (
        ("objects", "--labels"),
        ("split", "curate split"),
        ("cluster_7", "cluster"),
    ):
        with pytest.raises(UsageError, match="no column") as caught:
            drawn(manifest, size=3, by=(name,))
        assert filler in caught.value.hint
        assert "--by" in caught.value.hint


def test_mistakes_are_told(manifest, tmp_path):
    with pytest.raises(UsageError, match="no column 'colour'"):
        drawn(manifest, size=3, by=("colour",))
    with pytest.raises(UsageError, match="at least 1"):
        SampleConfig(size=0)
    with pytest.raises(UsageError, match="names no model"):
        drawn(manifest, size=3, within=Within.DIVERSE)
    with pytest.raises(InputError, match="no manifest"):
        sample(tmp_path / "none.parquet", SampleConfig(size=1), out=tmp_path / "s.parquet")


def test_diverse_draws_from_the_embeddings_of_the_workspace(trained, tmp_path):
    from curate import cluster

    space = trained / ".curate"
    cluster(trained / "images", out=tmp_path / "m.parquet", workspace=space)
    config = SampleConfig(size=12, within=Within.DIVERSE)
    result = sample(tmp_path / "m.parquet", config, out=tmp_path / "s.parquet", workspace=space)
    assert result.n_selected == 12


def test_levels_are_balanced_one_within_the_other(tmp_path):
    coarse = np.repeat([0, 1], [90, 30])
    fine = np.concatenate([np.repeat([0, 1, 2], [60, 20, 10]), np.repeat([3, 4], [25, 5])])
    rows = [
        dict.fromkeys(SCAN_COLUMNS.names) | {"path": f"{i:03d}.jpg", "status": "ok"}
        for i in range(120)
    ]
    table = pa.Table.from_pylist(rows, schema=SCAN_COLUMNS)
    table = table.append_column("cluster_2", [pa.array(coarse)])
    table = table.append_column("cluster", [pa.array(fine)])
    write_manifest(Manifest(rows=HeldRows(table), source="/images"), tmp_path / "m.parquet")
    _, drawn_table = drawn(tmp_path / "m.parquet", size=40, by=("cluster_2", "cluster"))
    taken = chosen(drawn_table)
    assert np.bincount(taken["cluster_2"]).tolist() == [20, 20]
    assert np.bincount(taken["cluster"]).tolist() == [7, 7, 6, 15, 5]
    assert sum(taken["weight"]) == pytest.approx(120)


def test_expressions_choose_what_is_drawn_from(manifest):
    result, table = drawn(manifest, size=5, include="cluster = 1", exclude="bytes < 70")
    assert result.n_available == 15
    assert set(chosen(table)["cluster"]) == {1}
    assert min(chosen(table)["bytes"]) >= 70


def counts_of(table):
    return np.bincount(chosen(table)["cluster"], minlength=4).tolist()


def test_quotas_may_be_in_proportion_to_the_images(manifest):
    counts = np.array(
        [counts_of(drawn(manifest, size=18, quota="proportional", seed=s)[1]) for s in range(40)]
    )
    assert (counts.sum(axis=1) == 18).all()
    np.testing.assert_allclose(counts.mean(axis=0), [12, 5, 0.8, 0.2], atol=0.25)


def test_a_file_says_what_share_a_group_gets(manifest, tmp_path):
    shares = tmp_path / "shares.csv"
    shares.write_text("cluster,share\n1,3\n0,1\n")
    _, table = drawn(manifest, size=20, quota=shares)
    assert counts_of(table) == [5, 15, 0, 0]
    _, table = drawn(manifest, size=40, quota=shares)
    assert counts_of(table) == [15, 25, 0, 0]
    taken = chosen(table)
    assert sum(taken["weight"]) == pytest.approx(85)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cluster,share\n7,1\n", "'7', which has no image"),
        ("cluster,share\n1,lots\n", "'lots'"),
        ("cluster,share\n1,-1\n", "'-1'"),
        ("group,share\n1,1\n", "no columns cluster and share"),
        ("cluster,share\n2,1\n", "the groups with a share have 4"),
        ("", "no columns"),
    ],
)
def test_a_file_that_makes_no_sense_is_told(manifest, tmp_path, text, said):
    (tmp_path / "shares.csv").write_text(text)
    with pytest.raises(UsageError, match=said):
        drawn(manifest, size=20, quota=tmp_path / "shares.csv")


def test_a_file_of_shares_may_begin_with_the_mark_of_its_encoding(manifest, tmp_path):
    (tmp_path / "shares.csv").write_bytes(b"\xef\xbb\xbfcluster,share\n0,1\n1,1\n")
    _, table = drawn(manifest, size=20, by=("cluster",), quota=tmp_path / "shares.csv")
    assert set(chosen(table)["cluster"]) == {0, 1}


def test_what_is_chosen_already_stays_and_counts(manifest, tmp_path):
    first = tmp_path / "first.parquet"
    sample(manifest, SampleConfig(size=20, by=("label",), seed=3), out=first)
    before = pq.read_table(first)
    _, table = drawn(manifest, size=40, continue_from=first)
    assert set(chosen(before)["path"]) <= set(chosen(table)["path"])
    assert counts_of(table) == [18, 17, 4, 1] or counts_of(table) == [17, 18, 4, 1]
    _, same = drawn(manifest, size=20, continue_from=first)
    assert chosen(same)["path"] == chosen(before)["path"]


def rewritten(manifest, change):
    """Write the manifest with its table changed, under another name; return that."""
    table = change(pq.read_table(manifest))
    again = manifest.with_name("again.parquet")
    pq.write_table(table, again)
    return again


def test_what_was_drawn_stays_where_a_copy_is_kept_in_its_place_by_now(manifest, tmp_path):
    first = tmp_path / "first.parquet"
    sample(manifest, SampleConfig(size=20, by=("label",), seed=3), out=first)
    before = set(chosen(pq.read_table(first))["path"])
    dropped, *_ = sorted(before)
    kept = next(path for path in pq.read_table(manifest)["path"].to_pylist() if path not in before)

    def drop(table):
        paths = table["path"].to_pylist()
        keep = [
            path != dropped and k for path, k in zip(paths, table["keep"].to_pylist(), strict=True)
        ]
        group = pa.array([7 if path in (dropped, kept) else None for path in paths], pa.int32())
        at = table.schema.get_field_index("keep")
        return table.set_column(at, "keep", pa.array(keep)).append_column("group", group)

    result, table = drawn(rewritten(manifest, drop), size=89, continue_from=first)
    after = set(chosen(table)["path"])
    assert before <= after
    assert kept not in after
    assert (result.n_selected, result.n_lost) == (89, 0)


def test_what_was_drawn_is_found_under_another_name_and_what_is_gone_is_counted(manifest, tmp_path):
    first = tmp_path / "first.parquet"
    sample(manifest, SampleConfig(size=20, by=("label",), seed=3), out=first)
    renamed, broken, gone, *_ = sorted(chosen(pq.read_table(first))["path"])

    def change(table):
        rows = [row for row in table.to_pylist() if row["path"] != gone]
        for row in rows:
            if row["path"] == renamed:
                row["path"] = "zzz/renamed.jpg"
            if row["path"] == broken:
                row["status"] = "unreadable"
        return pa.Table.from_pylist(rows, schema=table.schema)

    result, table = drawn(rewritten(manifest, change), size=30, continue_from=first)
    assert "zzz/renamed.jpg" in chosen(table)["path"]
    assert result.n_lost == 2


def test_fewer_than_are_chosen_already_is_a_mistake(manifest, tmp_path):
    sample(manifest, SampleConfig(size=20), out=tmp_path / "first.parquet")
    with pytest.raises(UsageError, match="20 images selected, more than the 10 asked"):
        drawn(manifest, size=10, continue_from=tmp_path / "first.parquet")
    with pytest.raises(UsageError, match="selected"):
        drawn(manifest, size=30, continue_from=manifest)


def test_quotas_go_with_one_column_and_no_strata():
    with pytest.raises(UsageError, match="one column"):
        SampleConfig(size=5, by=("a", "b"), quota="complexity")
    with pytest.raises(UsageError, match="one column"):
        SampleConfig(size=5, stratify="a", continue_from="s.parquet")


def test_complex_groups_give_more(trained, tmp_path):
    from curate import cluster

    space = trained / ".curate"
    cluster(trained / "images", out=tmp_path / "m.parquet", workspace=space)
    config = SampleConfig(size=12, quota="complexity")
    result = sample(tmp_path / "m.parquet", config, out=tmp_path / "s.parquet", workspace=space)
    assert result.n_selected == 12


def test_small_strata_have_their_chance_and_weights_stay_unbiased(draw):
    """Strata of 60, 25, 4 and 1 images, 5 draws: the last two are less than one draw each."""
    estimates, means, seen = [], [], np.zeros(4)
    for seed in range(1500):
        table = draw(size=5, by=("status",), stratify="cluster", seed=seed)
        taken = chosen(table)
        assert len(taken["path"]) == 5
        seen += np.bincount(taken["cluster"], minlength=4)
        estimates.append(np.dot(taken["bytes"], taken["weight"]))
        means.append(np.sum(taken["weight"]))
    np.testing.assert_allclose(seen / 1500, np.array([60, 25, 4, 1]) * 5 / 90, atol=0.06)
    for values, truth in ((estimates, np.arange(90).sum()), (means, 90)):
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / np.sqrt(len(values))


def test_strata_and_levels_together_are_unbiased_too(draw):
    estimates = []
    for seed in range(800):
        table = draw(size=7, by=("format", "cluster"), stratify="cluster", seed=seed)
        taken = chosen(table)
        estimates.append(np.dot(taken["bytes"], taken["weight"]))
    truth = np.arange(90).sum()
    assert abs(np.mean(estimates) - truth) < 4 * np.std(estimates) / np.sqrt(len(estimates))
