from curate.pages.shown_text import show_text


def test_what_steers_the_page_and_is_not_seen_is_escaped():
    assert show_text("a\u202egpj.exe") == "a\\u202egpj.exe"
    assert show_text("new\nline\ttab\x1b[2J") == "new\\nline\\ttab\\x1b[2J"
    assert show_text("\u2066isolated\u2069") == "\\u2066isolated\\u2069"


def test_scripts_and_emoji_stay_as_they_are():
    for text in ("صورة العائلة", "👨‍👩‍👧‍👦 🏳️‍🌈", "क्‍ष", "日本語", "plain name.jpg"):
        assert show_text(text) == text
