"""What images answered is asked once, and asked again where something else is asked."""

import pytest

from curate.workspace.answers import ask_once, find_answer_damage
from curate.workspace.damage import repair
from curate.workspace.workspace import Workspace
from tests.conftest import Notes

SETTINGS = ({"side": 128},)


class Asked:
    def __init__(self, workspace):
        self.workspace = workspace
        self.notes = Notes()
        self.n_asked = 0

    def ask(self, question="orientation", *, images=("a", "b"), settings=SETTINGS):
        def answer():
            self.n_asked += 1
            return {"told_rightly": self.n_asked / 8}

        with self.workspace.writing():
            return ask_once(
                self.workspace,
                question,
                images=images,
                settings=settings,
                ask=answer,
                progress=self.notes,
            )


@pytest.fixture
def asked(tmp_path):
    workspace = Workspace(tmp_path / "space")
    with workspace.writing():
        workspace.remember()
    return Asked(workspace)


def test_the_same_is_asked_once(asked):
    assert asked.ask() == {"told_rightly": 0.125}
    assert asked.ask() == {"told_rightly": 0.125}
    assert asked.n_asked == 1


@pytest.mark.parametrize(
    "other",
    [{"question": "start"}, {"images": ("a", "c")}, {"settings": ({"side": 64},)}],
    ids=["question", "images", "settings"],
)
def test_something_else_is_asked_anew_and_both_are_kept(asked, other):
    first = asked.ask()
    assert asked.ask(**other) != first
    assert asked.ask() == first
    assert asked.n_asked == 2


def test_damaged_answers_are_asked_again(asked):
    asked.ask()
    path = asked.workspace.answers
    path.write_bytes(path.read_bytes().replace(b"0.125", b"0.625"))
    assert [damage.path for damage in find_answer_damage(asked.workspace)] == [path]
    assert asked.ask() == {"told_rightly": 0.25}
    assert "asked again" in asked.notes.notes[0]
    assert find_answer_damage(asked.workspace) == []


def test_repair_drops_damaged_answers(asked):
    asked.ask()
    asked.workspace.answers.write_text("{")
    repair(asked.workspace, asked.notes)
    assert not asked.workspace.answers.exists()
    assert any("answers.json" in line for line in asked.notes.notes)
