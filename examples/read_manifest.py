"""Read a manifest with pandas, polars and DuckDB.

python examples/read_manifest.py manifest.parquet
"""

import argparse
import json

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("manifest", help="A Parquet file that curate wrote.")
path = parser.parse_args().manifest

table = pd.read_parquet(path)
print(f"pandas: {len(table)} rows, {int((table.status == 'ok').sum())} readable")

issues = (
    pl.scan_parquet(path)
    .select(pl.col("issues").explode())
    .drop_nulls()
    .group_by("issues")
    .len()
    .sort("len", "issues", descending=[True, False])
    .collect()
)
print(f"polars: {dict(issues.iter_rows()) or 'no issues'}")

largest = duckdb.sql(
    f"""
    select cluster, count(*) as images, round(avg(cluster_similarity), 3) as cohesion
    from '{path}' where cluster is not null
    group by cluster order by images desc, cluster limit 5
    """
)
print(largest)

history = json.loads(pq.read_schema(path).metadata[b"curate"])
print(f"written from {history['source']} by stages {', '.join(history['stages'])}")
