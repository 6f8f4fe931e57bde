import base64
import hashlib

import pytest
from jinja2 import UndefinedError

from curate.pages import templates
from curate.pages.templates import format_count, format_few, format_share, hash_script, render


def show(monkeypatch, source, **values):
    monkeypatch.setattr(templates, "read_asset", lambda package, name: source)
    return render("any", "any.html", values)


def test_every_value_is_escaped_in_text_and_in_attributes(monkeypatch):
    shown = show(monkeypatch, '<p title="{{ x }}">{{ x }}</p>', x="\"><script>alert('1')</script>")
    assert "<script" not in shown
    assert shown.count("&#34;&gt;&lt;script&gt;") == 2


def test_braces_in_a_name_are_no_template(monkeypatch):
    assert show(monkeypatch, "{{ x }}", x="{{ 7 * 7 }}{% raw %}") == "{{ 7 * 7 }}{% raw %}"


def test_a_value_that_is_not_given_is_a_mistake_and_not_an_empty_place(monkeypatch):
    with pytest.raises(UndefinedError):
        show(monkeypatch, "{{ x }}")


def test_a_script_is_named_by_its_digest():
    digest = base64.b64encode(hashlib.sha256(b"let a = 1").digest()).decode()
    assert hash_script("let a = 1") == f"'sha256-{digest}'"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.1234, "12.3 %"), (0.0004, "0.0 %"), (0.9994, "99.9 %"), (1, "100 %")],
)
def test_a_share_is_all_only_if_it_is(share, text):
    assert format_share(share) == text


def test_numbers_are_grouped_and_small_expectations_are_not_nothing():
    assert format_count(1234567) == "1,234,567"
    assert (format_few(0.04), format_few(3.21)) == ("fewer than 0.1", "3.2")
