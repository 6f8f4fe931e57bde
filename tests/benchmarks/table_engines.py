"""The table layer of manifests beside DuckDB and polars: wall time, CPU time, peak memory.

    python tests/benchmarks/table_engines.py [--rows 10000000] [--cores 1] [--folder DIR]

Four jobs, the heaviest that stages give the table layer, on a made manifest (see
``manifest_scale.py``):

* fill: read two columns, write all columns with two more that come from memory (sample);
* take: read two columns of a tenth of the rows, scattered (export, sheet, diff);
* merge: find each row's partner by path in another manifest, write all columns with one of its;
* diff: find each row's partner by path, count those with the same hash.

Each engine does them as its manual says, the writing with its own writer; ``arrow writer`` is
DuckDB with the writing left to Arrow, after a cast to the types of the file. Every job runs in a
process of its own, on the given number of cores, and all must find the same. Ratios are to
``curate``; where other work has the machine too, trust those of computed seconds. A second table
says which columns of a user do not come back from ``fill`` with their values, type, nullability
and metadata.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from manifest_scale import make_manifest, run_in_process
from numpy.typing import NDArray

GROUP_ROWS = 1 << 20
DUCKDB_MEMORY = "700MB"


def drawn_columns(n_rows: int) -> pa.Table:
    """Return columns that a sample would fill."""
    rng = np.random.default_rng(1)
    selected = rng.random(n_rows) < 0.1
    return pa.table({"selected": selected, "weight": selected.astype(np.float32)})


def wanted_rows(n_rows: int) -> NDArray[np.int64]:
    """Return a tenth of the rows, scattered, ascending."""
    return np.flatnonzero(np.random.default_rng(2).random(n_rows) < 0.1)


def write_manifests(folder: Path, n_rows: int) -> None:
    """Write a manifest, and one that has a split and lacks a twentieth of the rows."""
    from curate.manifest.manifest import Manifest, write_manifest
    from curate.manifest.rows import HeldRows

    manifest = make_manifest(n_rows, folder)
    write_manifest(manifest, folder / "m.parquet")
    rng = np.random.default_rng(3)
    table = manifest.rows.read(["path", "hash", "status"])
    split = pa.array(rng.choice(np.array(["train", "val", "test"]), n_rows))
    table = table.append_column("split", split).filter(pa.array(rng.random(n_rows) > 0.05))
    write_manifest(Manifest(rows=HeldRows(table), source=str(folder)), folder / "o.parquet")


class Curate:
    """The table layer of this project."""

    def fill(self, folder: Path) -> int:
        """Write all columns with two filled; return the rows that could be drawn."""
        from curate.manifest.manifest import read_manifest, write_manifest
        from curate.manifest.rows import HeldRows

        manifest = read_manifest(folder / "m.parquet")
        table = manifest.rows.read(["status", "keep"])
        n_kept = pa.compute.sum(table["keep"]).as_py()
        columns = HeldRows(drawn_columns(len(table)))
        filled = manifest.with_columns(columns, stage="sample", config={})
        write_manifest(filled, folder / "out.parquet")
        return int(n_kept)

    def take(self, folder: Path) -> int:
        """Return the bytes of the paths of some rows."""
        from curate.manifest.manifest import read_manifest

        rows = read_manifest(folder / "m.parquet").rows
        table = rows.take(["path", "hash"], wanted_rows(len(rows)))
        return int(pa.compute.sum(pa.compute.binary_length(table["path"])).as_py())

    def merge(self, folder: Path) -> int:
        """Write all columns with one of the other manifest; return the rows with a partner."""
        from curate.manifest.joins import find_partners
        from curate.manifest.manifest import read_manifest, write_manifest
        from curate.manifest.rows import TakenRows

        left, right = (read_manifest(folder / name) for name in ("m.parquet", "o.parquet"))
        partners = find_partners(left.rows, right.rows, on="path")
        columns = TakenRows(right.rows, [right.rows.schema.field("split")], partners)
        filled = left.with_columns(columns, stage="merge", config={})
        write_manifest(filled, folder / "out.parquet")
        return int((partners >= 0).sum())

    def diff(self, folder: Path) -> int:
        """Return how many rows have a partner of the same hash."""
        from curate.manifest.joins import compare_column, find_partners
        from curate.manifest.manifest import read_manifest
        from curate.manifest.rows import TakenRows

        new, old = (read_manifest(folder / name).rows for name in ("m.parquet", "o.parquet"))
        partners = find_partners(new, old, on="path")
        rows = np.flatnonzero(partners >= 0)
        field = [new.schema.field("hash")]
        pair = TakenRows(old, field, partners[rows]), TakenRows(new, field, rows)
        return int((~compare_column(*pair, "hash")).sum())


class DuckDB:
    """DuckDB alone."""

    def __init__(self, folder: Path, n_cores: int) -> None:
        """Open a database that has as much memory as joins have in ``curate``, then the disk."""
        import duckdb

        config = {
            "threads": n_cores,
            "memory_limit": DUCKDB_MEMORY,
            "temp_directory": str(folder / "spill"),
        }
        self._connection = duckdb.connect(config=config)

    def _write(self, query: str, folder: Path) -> None:
        out = folder / "out.parquet"
        self._connection.execute(
            f"copy ({query}) to '{out}' (format parquet, compression zstd, "
            f"row_group_size {GROUP_ROWS})"
        )

    def _count(self, query: str) -> int:
        ((count,),) = self._connection.sql(query).fetchall()
        return int(count)

    def fill(self, folder: Path) -> int:
        """Write all columns with two filled; return the rows that could be drawn."""
        m = folder / "m.parquet"
        table = self._connection.sql(f"select status, keep from '{m}'").to_arrow_table()
        n_kept = pa.compute.sum(table["keep"]).as_py()
        self._connection.register("drawn", drawn_columns(len(table)))
        self._write(f"select * from '{m}' positional join drawn", folder)
        return int(n_kept)

    def take(self, folder: Path) -> int:
        """Return the bytes of the paths of some rows."""
        m = folder / "m.parquet"
        n_rows = self._count(f"select count(*) from '{m}'")
        wanted = pa.table({"file_row_number": wanted_rows(n_rows)})
        self._connection.register("wanted", wanted)
        table = self._connection.sql(
            f"select path, hash from read_parquet('{m}', file_row_number = true) "
            "semi join wanted using (file_row_number)"
        ).to_arrow_table()
        return int(pa.compute.sum(pa.compute.binary_length(table["path"])).as_py())

    def merge(self, folder: Path) -> int:
        """Write all columns with one of the other manifest; return the rows with a partner."""
        m, o = folder / "m.parquet", folder / "o.parquet"
        self._connection.execute(
            "create temp table found as select o.split "
            f"from read_parquet('{m}', file_row_number = true) m left join '{o}' o using (path) "
            "order by m.file_row_number"
        )
        self._write(f"select * from '{m}' positional join found", folder)
        return self._count("select count(split) from found")

    def diff(self, folder: Path) -> int:
        """Return how many rows have a partner of the same hash."""
        m, o = folder / "m.parquet", folder / "o.parquet"
        return self._count(f"select count(*) from '{m}' m join '{o}' o using (path, hash)")


class DuckDBArrowWriter(DuckDB):
    """DuckDB, whose answers Arrow casts to the types of the manifest that was read, and writes."""

    def _write(self, query: str, folder: Path) -> None:
        reader = self._connection.sql(query).to_arrow_reader(1 << 15)
        read = {field.name: field for field in pq.read_schema(folder / "m.parquet")}
        schema = pa.schema([read.get(field.name, field) for field in reader.schema])
        with pq.ParquetWriter(folder / "out.parquet", schema, compression="zstd") as writer:
            held, n_rows = [], 0
            for batch in reader:
                held.append(batch.cast(schema))
                n_rows += len(batch)
                if n_rows >= GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(held).combine_chunks())
                    held, n_rows = [], 0
            if held:
                writer.write_table(pa.Table.from_batches(held).combine_chunks())


class Polars:
    """Lazy frames of polars, on its streaming engine."""

    def _scan(self, path: Path):
        import polars as pl

        return pl.scan_parquet(path)

    def _write(self, frame, folder: Path) -> None:
        frame.sink_parquet(
            folder / "out.parquet",
            compression="zstd",
            row_group_size=GROUP_ROWS,
            engine="streaming",
        )

    def fill(self, folder: Path) -> int:
        """Write all columns with two filled; return the rows that could be drawn."""
        import polars as pl

        m = self._scan(folder / "m.parquet")
        table = m.select("status", "keep").collect(engine="streaming")
        columns = pl.from_arrow(drawn_columns(len(table))).lazy()
        self._write(pl.concat([m, columns], how="horizontal"), folder)
        return int(table["keep"].sum())

    def take(self, folder: Path) -> int:
        """Return the bytes of the paths of some rows."""
        import polars as pl

        m = self._scan(folder / "m.parquet")
        n_rows = m.select(pl.len()).collect().item()
        wanted = np.zeros(n_rows, bool)
        wanted[wanted_rows(n_rows)] = True
        mask = pl.DataFrame({"wanted": wanted}).lazy()
        table = (
            pl.concat([m.select("path", "hash"), mask], how="horizontal")
            .filter("wanted")
            .select("path", "hash")
            .collect(engine="streaming")
        )
        return int(table["path"].str.len_bytes().sum())

    def merge(self, folder: Path) -> int:
        """Write all columns with one of the other manifest; return the rows with a partner."""
        import polars as pl

        o = self._scan(folder / "o.parquet").select("path", "split")
        frame = self._scan(folder / "m.parquet").join(
            o, on="path", how="left", maintain_order="left"
        )
        self._write(frame, folder)
        return int(
            self._scan(folder / "out.parquet").select(pl.col("split").count()).collect().item()
        )

    def diff(self, folder: Path) -> int:
        """Return how many rows have a partner of the same hash."""
        import polars as pl

        m, o = (self._scan(folder / n).select("path", "hash") for n in ("m.parquet", "o.parquet"))
        joined = m.join(o, on=["path", "hash"], how="inner")
        return int(joined.select(pl.len()).collect(engine="streaming").item())


ENGINES = {
    "curate": lambda _folder, _n_cores: Curate(),
    "DuckDB": DuckDB,
    "DuckDB, arrow writer": DuckDBArrowWriter,
    "polars": lambda _folder, _n_cores: Polars(),
}
JOBS = ("fill", "take", "merge", "diff")


def foreign_columns() -> pa.Table:
    """Return columns of types that users' tables have, four rows."""
    floats = pa.array([[0.5, 1.5]] * 4, pa.list_(pa.float32(), 2))
    columns = {
        "fixed-size list": floats,
        "float16": pa.array(np.array([0, 1, 2, 3], np.float16)),
        "dictionary": pa.array(["a", "b", "a", None]).dictionary_encode(),
        "timestamp, ns, UTC": pa.array([1, 2, 3, None], pa.timestamp("ns", "UTC")),
        "duration": pa.array([1, 2, 3, None], pa.duration("ms")),
        "time, ns": pa.array([1, 2, 3, None], pa.time64("ns")),
        "large string": pa.array(["a", "b", "", None], pa.large_string()),
        "fixed-size binary": pa.array([b"ab"] * 4, pa.binary(2)),
        "struct": pa.array([{"x": 1, "y": "a"}] * 4),
        "map": pa.array([[("a", 1)]] * 4, pa.map_(pa.string(), pa.int32())),
        "decimal, 128 bits": pa.array([1, 2, 3, None], pa.decimal128(38, 4)),
        "decimal, 256 bits": pa.array([1, 2, 3, None], pa.decimal256(60, 4)),
        "list of float16": pa.array([[np.float16(1)]] * 4, pa.list_(pa.float16())),
        "date, ms": pa.array([0, 86_400_000, None, 0], pa.date64()),
        "list of dictionary": pa.array([["a"], ["b"], [], None]).cast(
            pa.list_(pa.dictionary(pa.int32(), pa.string()))
        ),
        "UUID": pa.array([bytes(range(16))] * 4, pa.uuid()),
        "JSON": pa.array(["{}"] * 4, pa.json_()),
        "Path": pa.array(["a name that differs from ours by its case"] * 4),
        "nulls": pa.nulls(4),
        "not nullable": pa.array([1, 2, 3, 4]),
        "field metadata": pa.array([1, 2, 3, 4]),
    }
    fields = [
        pa.field(
            name,
            column.type,
            nullable=name != "not nullable",
            metadata={"unit": "px"} if name == "field metadata" else None,
        )
        for name, column in columns.items()
    ]
    return pa.table(list(columns.values()), pa.schema(fields))


def check_types(pipe: Connection, engine: str, folder: Path) -> None:
    """Send the names of foreign columns that ``fill`` changes or cannot write."""
    from curate.manifest.manifest import Manifest, write_manifest
    from curate.manifest.rows import HeldRows

    foreign = foreign_columns()
    columns = ["path", "hash", "status", "keep"]
    base = make_manifest(100, folder).rows.read(columns).slice(0, len(foreign))
    changed = []
    for field in foreign.schema:
        table = base.append_column(field, foreign[field.name])
        write_manifest(Manifest(rows=HeldRows(table), source=str(folder)), folder / "m.parquet")
        try:
            ENGINES[engine](folder, 1).fill(folder)
            before, after = (pq.read_table(folder / n) for n in ("m.parquet", "out.parquet"))
            fields = [table.schema.field(field.name) for table in (before, after)]
            is_same = fields[0].equals(fields[1], check_metadata=True)
            is_same = is_same and before[field.name].equals(after[field.name])
        except BaseException:  # noqa: BLE001, a panic of polars is no Exception
            is_same = False
        if not is_same:
            changed.append(field.name)
    pipe.send(changed)


def work(pipe: Connection, engine: str, job: str, folder: Path, n_cores: int) -> None:
    """Do a job; send what was found, seconds, those computed, and peak memory in GB."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_cores])
    os.environ["POLARS_MAX_THREADS"] = str(n_cores)
    pa.set_cpu_count(n_cores)
    doing = getattr(ENGINES[engine](folder, n_cores), job)
    start = time.perf_counter()
    found = doing(folder)
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    pipe.send((found, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6))


def ask_process(function: Callable[..., None], *arguments: object) -> Any:
    """Return what a function sends from a process of its own; None if it died."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=function, args=(theirs, *arguments))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        return None
    finally:
        process.join()


def print_jobs(folder: Path, n_cores: int) -> None:
    """Print the table of jobs."""
    print("| job | engine | seconds | computed | memory, GB | ratio: seconds | computed | memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for job in JOBS:
        base = None
        for engine in ENGINES:
            done = ask_process(work, engine, job, folder, n_cores)
            if done is None:
                print(f"| {job} | {engine} | failed |", flush=True)
                continue
            base = base or done
            assert done[0] == base[0], f"{job}: {engine} found {done[0]}, not {base[0]}"
            seconds, computed, gigabytes = done[1:]
            ratios = [f"{new / old:.2f}" for new, old in zip(done[1:], base[1:], strict=True)]
            print(
                f"| {job} | {engine} | {seconds:.1f} | {computed:.1f} | {gigabytes:.2f} "
                f"| {' | '.join(ratios)} |",
                flush=True,
            )


def print_types(folder: Path) -> None:
    """Print the table of foreign columns."""
    print(f"\n| engine | of {foreign_columns().num_columns} columns of a user, changed or lost |")
    print("| --- | --- |")
    for engine in ENGINES:
        changed = ask_process(check_types, engine, folder)
        print(f"| {engine} | {', '.join(changed) or 'none'} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        run_in_process(write_manifests, folder, options.rows)
        megabytes = (folder / "m.parquet").stat().st_size / 1e6
        print(f"{options.rows:,} rows, {megabytes:,.0f} MB, {options.cores} cores\n")
        print_jobs(folder, options.cores)
        print_types(folder)


if __name__ == "__main__":
    main()
