from curate.report_page.charts import Line, draw_lines, nice_ticks


def test_what_is_counted_has_whole_ticks():
    assert nice_ticks(1, 3, 6, is_whole=True) == [1, 2, 3]
    assert nice_ticks(1, 3, 4) == [1, 1.5, 2, 2.5, 3]
    assert nice_ticks(0, 94, 6, is_whole=True) == [0, 20, 40, 60, 80]


def test_a_line_of_one_point_is_seen():
    chart = draw_lines([Line(name="a", xs=[1], ys=[5])], title="t", x_label="x", y_label="y")
    assert chart.count("<circle") == 1
    assert "nan" not in chart


def test_labels_and_names_are_escaped():
    line = Line(name="<b>", xs=[1, 2], ys=[1, 2])
    chart = draw_lines([line, line], title='"<i>', x_label="<u>", y_label="<s>")
    assert not {"<b>", "<i>", "<u>", "<s>"} & {chart[n : n + 3] for n in range(len(chart))}
