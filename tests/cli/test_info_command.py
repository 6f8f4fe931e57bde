from curate.cli.info import draw_curve


def test_a_curve_has_a_bar_for_each_value():
    assert draw_curve([1.0, 0.5, 0.0]) == "█▅▁"


def test_a_long_curve_has_forty_bars_of_means():
    assert draw_curve([0.0, 1.0] * 400) == "▅" * 40
