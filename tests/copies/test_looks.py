import numpy as np

from curate.copies.looks import _fill_unknown


def test_what_is_not_known_of_an_image_is_as_with_the_least_of_its_group():
    details = np.array([[0.9, 2.0], [0.4, 5.0], [np.nan, np.nan], [0.7, 1.0], [np.nan, np.nan]])
    group = np.array([0, 0, 0, 3, 4])
    filled = _fill_unknown(details, group)
    np.testing.assert_array_equal(filled[2], [0.4, 2.0])
    np.testing.assert_array_equal(filled[4], [1.0, 1.0])  # no copies: nothing is compared
    np.testing.assert_array_equal(filled[[0, 1, 3]], details[[0, 1, 3]])
