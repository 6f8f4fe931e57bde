"""Read a manifest with pandas and DuckDB.

python examples/read_manifest.py manifest.parquet
"""

import json
import sys

import duckdb
import pandas as pd
import pyarrow.parquet as pq

path = sys.argv[1]

table = pd.read_parquet(path)
print(f"pandas: {len(table)} rows, {int((table.status == 'ok').sum())} readable")

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
