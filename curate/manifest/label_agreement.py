"""Label agreement of a manifest: whether its suspects among labels are information."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.algorithms.label_agreement import LabelAgreement, measure_agreement
from curate.manifest.manifest import Manifest

_COLUMNS = ("label", "label_suspect")


def find_agreement(table: pa.Table) -> LabelAgreement | None:
    """Return how well the nearest images predict the labels.

    Args:
        table: Rows of a manifest.

    Returns:
        None where ``label`` or ``label_suspect`` is missing, or no row has both.
    """
    if not set(_COLUMNS) <= set(table.column_names):
        return None
    known = table.select(_COLUMNS).drop_null()
    codes = pc.dictionary_encode(known["label"]).combine_chunks().indices.to_numpy()
    suspicion = pc.cast(known["label_suspect"], pa.float64()).to_numpy()
    return measure_agreement(np.asarray(codes, np.int64), np.asarray(suspicion, np.float64))


def read_agreement(manifest: Manifest) -> LabelAgreement | None:
    """Return how well the nearest images predict the labels of a manifest, or None.

    Raises:
        InputError: The file cannot be read.
    """
    there = manifest.rows.schema.names
    return find_agreement(manifest.rows.read([name for name in _COLUMNS if name in there]))
