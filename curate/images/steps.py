"""Steps: how much the lines of an image differ from the next, on average."""

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def measure_steps(grey: Floats, axis: int, *, most: float, order: int = 1) -> NDArray[np.float64]:
    """Return the mean absolute difference of each row, or column, from the next.

    Args:
        grey: (H, W) float32.
        axis: 0 for rows, 1 for columns.
        most: What larger differences count as.
        order: 1; 2 for how differences differ.

    Returns:
        (H - order,) or (W - order,) float64.
    """
    for _ in range(order - 1):
        grey = np.asarray(cv2.subtract(*_pair_lines(grey, axis)), np.float32)
    _, steps = cv2.threshold(cv2.absdiff(*_pair_lines(grey, axis)), most, 0, cv2.THRESH_TRUNC)
    means = cv2.reduce(steps, 1 - axis, cv2.REDUCE_AVG, dtype=cv2.CV_64F)
    return np.asarray(means, np.float64).ravel()


def _pair_lines(grey: Floats, axis: int) -> tuple[Floats, Floats]:
    """Return all lines but the first, and all but the last."""
    return (grey[1:], grey[:-1]) if axis == 0 else (grey[:, 1:], grey[:, :-1])
