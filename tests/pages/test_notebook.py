from dataclasses import dataclass, field

from curate.pages.notebook import ShownImages, ShownInNotebooks


@dataclass(frozen=True)
class Part:
    name: str
    share: float


@dataclass(frozen=True)
class Result(ShownInNotebooks):
    n_images: int
    source: str
    model: str | None
    parts: list[Part]
    counts: dict[str, int] = field(default_factory=dict)


def test_a_result_is_a_table_of_its_fields_every_value_escaped():
    shown = Result(12_000, "<b>a</b>", None, [Part("<i>", 0.123456)])._repr_html_()
    assert "<caption><b>Result</b></caption>" in shown
    assert ">n images</th>" in shown
    assert ">12,000</td>" in shown
    assert "&lt;b&gt;a&lt;/b&gt;" in shown
    assert "name &lt;i&gt;, share 0.1235" in shown
    assert ">–</td>" in shown
    assert "<i>" not in shown


def test_several_values_are_told_in_words_and_none_as_a_dash():
    shown = Result(1, "a", None, [], {"train": 1200, "val": 3})._repr_html_()
    assert ">train 1,200, val 3</td>" in shown
    assert "[]" not in shown
    assert shown.count(">–</td>") == 2


def test_long_values_and_lists_are_cut():
    shown = Result(1, "x" * 999, None, [Part(f"p{n}", 1.0) for n in range(50)])._repr_html_()
    assert "x" * 200 + "…" in shown
    assert "x" * 201 not in shown
    assert shown.count("name p") == 20


def test_images_are_shown_with_their_lines_and_those_missing_say_so():
    shown = ShownImages(sources=["data:image/webp;base64,AA", None], lines=['"a"', "<b>"])
    html = shown._repr_html_()
    assert html.count("<figure") == 2
    assert html.count("<img") == 1
    assert 'alt="&quot;a&quot;"' in html
    assert "not in the pixel cache" in html
    assert "&lt;b&gt;" in html
