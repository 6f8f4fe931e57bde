import pytest

from curate.review_page.decisions import Decision, DecisionLog, Verdict, pair_key
from curate.review_page.judged_pairs import read_judged, read_judged_probabilities
from curate.workspace.checked_lines import drop_damaged_lines, find_line_damage
from tests.conftest import Notes


def judge(a, b, verdict, action=1, **more):
    return Decision(subject="pair", hashes=pair_key(a, b), verdict=verdict, action=action, **more)


def test_what_was_appended_is_read_again_and_the_last_word_counts(tmp_path):
    log = DecisionLog.of_workspace(tmp_path)
    log.append([judge("b", "a", Verdict.COPY, 1)])
    log.append([judge("a", "b", Verdict.DIFFERENT, 2)])
    again = DecisionLog.of_workspace(tmp_path)
    assert again.get("pair", "a", "b").verdict is Verdict.DIFFERENT
    assert again.next_action == 3
    assert read_judged(tmp_path).different == {("a", "b")}


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_line_that_a_crash_cut_short_costs_only_itself(tmp_path, cut):
    log = DecisionLog.of_workspace(tmp_path)
    log.append([judge("a", "b", Verdict.COPY, 1)])
    log.append([judge("c", "d", Verdict.COPY, 2)])
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(path.read_bytes()[:-cut] if cut > 1 else path.read_bytes()[:-1])
    log = DecisionLog.of_workspace(tmp_path)
    log.append([judge("e", "f", Verdict.COPY, 3)])
    pairs = {one.hashes for one in DecisionLog.of_workspace(tmp_path).of("pair")}
    assert {("a", "b"), ("e", "f")} <= pairs
    assert (("c", "d") in pairs) == (cut == 1)


def test_undo_brings_back_what_was_said_before_step_by_step(tmp_path):
    log = DecisionLog.of_workspace(tmp_path)
    log.append([judge("a", "b", Verdict.COPY, 1)])
    log.append([judge("a", "b", Verdict.DIFFERENT, 2), judge("a", "c", Verdict.COPY, 2)])
    log.append(log.undo())
    assert log.get("pair", "a", "b").verdict is Verdict.COPY
    assert log.get("pair", "a", "c") is None
    log.append(log.undo())
    assert len(log) == len(DecisionLog.of_workspace(tmp_path)) == 0
    assert log.undo() == []


def test_a_foreign_line_is_passed_over(tmp_path):
    (tmp_path / "reviews.jsonl").write_text('[1]\n{"subject": "pair"}\nnothing\n')
    assert len(DecisionLog.of_workspace(tmp_path)) == 0
    assert not read_judged(tmp_path)


def flip(path, word, other):
    path.write_bytes(path.read_bytes().replace(word, other, 1))


@pytest.mark.parametrize("other", [b'"copx"', b'"different"', b"\xff"])
def test_a_damaged_line_is_passed_over_and_told(tmp_path, other):
    log = DecisionLog.of_workspace(tmp_path)
    log.append([judge("a", "b", Verdict.COPY, 1)])
    log.append([judge("c", "d", Verdict.COPY, 2)])
    path, heard = tmp_path / "reviews.jsonl", Notes()
    assert find_line_damage(path) == []
    flip(path, b'"copy"', other)
    assert read_judged(tmp_path, heard).copies == {("c", "d")}
    assert not read_judged(tmp_path).different
    assert "1 line is damaged" in heard.notes[0]
    (damage,) = find_line_damage(path)
    assert damage.reason == "1 line is not what was written"
    drop_damaged_lines(path)
    assert find_line_damage(path) == []
    assert read_judged(tmp_path).copies == {("c", "d")}


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_line_that_a_crash_cut_short_is_no_damage(tmp_path, cut):
    log = DecisionLog.of_workspace(tmp_path)
    log.append([judge("a", "b", Verdict.COPY, 1)])
    path, heard = tmp_path / "reviews.jsonl", Notes()
    path.write_bytes(path.read_bytes()[:-cut])
    assert find_line_damage(path) == []
    DecisionLog.of_workspace(tmp_path, heard).append([judge("c", "d", Verdict.COPY, 2)])
    assert find_line_damage(path) == []
    assert len(DecisionLog.of_workspace(tmp_path, heard)) == (2 if cut == 1 else 1)
    assert heard.notes == []


def test_a_line_of_an_earlier_version_without_a_checksum_holds(tmp_path):
    line = '{"subject": "pair", "verdict": "copy", "hashes": ["a", "b"]}\n'
    (tmp_path / "reviews.jsonl").write_text(line)
    assert find_line_damage(tmp_path / "reviews.jsonl") == []
    assert read_judged(tmp_path).copies == {("a", "b")}


def test_the_stated_probability_is_kept_with_what_the_person_said(tmp_path):
    log = DecisionLog.of_workspace(tmp_path)
    log.append(
        [judge("a", "b", Verdict.COPY, 1, probability=0.9), judge("a", "c", Verdict.COPY, 1)]
    )
    assert read_judged_probabilities(tmp_path) == ([0.9], [True])
