"""Weight files, VGG16 features and RAFT, on random weights made here: nothing is downloaded, no quality is claimed."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torchvision.models import VGG16_Weights, optical_flow, vgg16, vgg19

from ilvi_core import weights
from ilvi_core.host.errors import DeviceError, IlviError, InputError
from ilvi_core.perceptual import LAYERS, VGGFeatures, load_vgg
from ilvi_core.raft import RaftFlow
from ilvi_core.weights import find, import_file, list_weights, missing_sentence, weights_folder

State = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ILVI_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("ILVI_OFFLINE", raising=False)

    def no_network(*args: object, **options: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path / "weights"
    torch.set_num_threads(threads)


def random_vgg(architecture: object = vgg16) -> State:
    """A full state dict of random numbers; what lies deeper than relu3_3 is one number, expanded, to save the disk."""
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in architecture(weights=None).state_dict().items()}  # type: ignore[operator]
    torch.manual_seed(3)
    return {
        key: torch.randn(shape) * 0.05
        if key.startswith("features") and int(key.split(".")[1]) < 16
        else torch.ones(1).expand(shape)
        for key, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def vgg_state() -> State:
    return random_vgg()


@pytest.fixture(scope="module")
def small_state() -> State:
    torch.manual_seed(5)
    return optical_flow.raft_small(weights=None).state_dict()


def save(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def make_known(monkeypatch: pytest.MonkeyPatch, kind: str, path: Path) -> Path:
    """Rename the file as if torchvision had published it."""
    name = f"{kind}_test-{weights._sha256(path)[:8]}.pth"
    monkeypatch.setitem(weights.KNOWN, kind, (name,))
    return path.rename(path.with_name(name))


# The files


def test_known_names_are_torchvisions() -> None:
    urls = {
        "vgg16": [VGG16_Weights.IMAGENET1K_V1.url],
        "raft_large": [member.url for member in optical_flow.Raft_Large_Weights],
        "raft_small": [member.url for member in optical_flow.Raft_Small_Weights],
    }
    for kind, names in weights.KNOWN.items():
        assert {weights.URL + name for name in names} <= set(urls[kind])
    assert weights.URL + weights.KNOWN["raft_large"][0] == optical_flow.Raft_Large_Weights.DEFAULT.url
    assert weights.URL + weights.KNOWN["raft_small"][0] == optical_flow.Raft_Small_Weights.DEFAULT.url
    assert weights.URL + weights.UNUSABLE[0] == VGG16_Weights.IMAGENET1K_FEATURES.url


def test_import_of_the_module_is_cheap() -> None:
    code = "import sys, ilvi_core.weights; assert not {'torch', 'torchvision', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(weights.__file__).parents[1])


def test_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert weights_folder() == folder
    monkeypatch.setenv("ILVI_WEIGHTS", "~/somewhere")
    assert weights_folder() == Path.home() / "somewhere"
    monkeypatch.delenv("ILVI_WEIGHTS")
    assert weights_folder().name == "weights"
    assert "ilvi" in weights_folder().parts


def test_nothing_installed(folder: Path) -> None:
    assert list_weights() == []
    assert find("vgg16") is None
    assert missing_sentence("vgg16") == "No VGG16 weights are installed: the perceptual loss is off."
    assert "OpenCV's DIS instead" in missing_sentence("raft_large")
    assert not folder.exists()
    with pytest.raises(InputError, match="called 'resnet'"):
        find("resnet")


def test_import_finds_the_kind_and_survives(tmp_path: Path, folder: Path, vgg_state: State, small_state: State) -> None:
    torch.manual_seed(6)
    large = optical_flow.raft_large(weights=None).state_dict()
    for kind, state in {"vgg16": vgg_state, "raft_large": large, "raft_small": small_state}.items():
        source = save(state, tmp_path / "mine.pth")
        file = import_file(source)
        assert (file.kind, file.known, file.damage) == (kind, False, "")
        assert file.path.read_bytes() == source.read_bytes()
        assert file.size == source.stat().st_size
        assert find(kind) == file
        assert missing_sentence(kind) == ""
    assert [file.kind for file in list_weights()] == ["vgg16", "raft_large", "raft_small"]
    # Another process sees the same.
    code = "from ilvi_core.weights import *; print([f.sha256 for f in list_weights()])"
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(weights.__file__).parents[1], stdout=-1)
    assert done.stdout.decode().strip() == str([file.sha256 for file in list_weights()])
    assert not list(folder.glob(".tmp*"))


def test_vgg_features_only_and_safetensors(tmp_path: Path, vgg_state: State) -> None:
    features = {key: value for key, value in vgg_state.items() if key.startswith("features.")}
    bare = {key.removeprefix("features."): value for key, value in features.items()}
    used = {key: value for key, value in features.items() if int(key.split(".")[1]) < 16}
    safetensors.torch.save_file(used, tmp_path / "used.SAFETENSORS")
    torch.save(used, tmp_path / "old.pth", _use_new_zipfile_serialization=False)  # as torch before 1.6 wrote it
    paths = [
        save(features, tmp_path / "features.pt"),
        save(bare, tmp_path / "bare"),
        tmp_path / "used.SAFETENSORS",
        tmp_path / "old.pth",
    ]
    for path in paths:
        file = import_file(path)
        assert file.kind == "vgg16"
        assert torch.equal(load_vgg(file).body[0].weight, vgg_state["features.0.weight"])
    assert len(list_weights()) == 4


def test_the_file_imported_last_is_found(tmp_path: Path, small_state: State) -> None:
    first = import_file(save(small_state, tmp_path / "a.pth"))
    second = import_file(save({key: value + 1 for key, value in small_state.items()}, tmp_path / "b.pth"))
    assert find("raft_small") == second
    import_file(tmp_path / "a.pth")
    assert find("raft_small") == first
    assert len(list_weights()) == 2


def refused(path: Path, match: str, kind: str = "") -> None:
    with pytest.raises(InputError, match=match) as caught:
        import_file(path, kind)
    assert caught.value.hint
    assert list_weights() == []
    assert not weights_folder().exists() or list(weights_folder().iterdir()) == []


class Runs:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_refuses_what_is_no_state_dict(tmp_path: Path, small_state: State) -> None:
    (tmp_path / "text.pth").write_text("404: Not Found")
    whole = save(small_state, tmp_path / "whole.pth").read_bytes()
    (tmp_path / "short.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "short.safetensors").write_bytes(safetensors.torch.save(small_state)[:-9])
    for name in ("text.pth", "short.pth", "empty.pth", "short.safetensors"):
        refused(tmp_path / name, f"{name} cannot be read as weights")
    refused(save({"state_dict": small_state}, tmp_path / "checkpoint.pth"), "'state_dict', no tensor")
    refused(save([1, 2], tmp_path / "list.pth"), "holds a list")
    refused(tmp_path / "absent.pth", "There is no file")
    refused(tmp_path, "There is no file")
    refused(tmp_path / "whole.pth", "no kind of weights called 'vgg'", "vgg")


def test_never_runs_code_from_a_file(tmp_path: Path) -> None:
    trap = Runs(tmp_path / "ran")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(trap, protocol=2))
    save({"features.0.weight": trap}, tmp_path / "zip.pth")
    for name in ("raw.pth", "zip.pth"):
        refused(tmp_path / name, "cannot be read as weights")
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(trap))
    assert (tmp_path / "ran").exists()  # the trap works


def test_refuses_another_architecture(tmp_path: Path, vgg_state: State, small_state: State) -> None:
    refused(save(random_vgg(vgg19), tmp_path / "vgg19.pth"), r"has features\.16\.weight, which")
    refused(save(small_state, tmp_path / "small.pth"), "as RAFT .large. weights it misses", "raft_large")
    linear = nn.Linear(3, 2).state_dict()
    refused(save(linear, tmp_path / "linear.pth"), r"as VGG16 weights it misses features\.0\.weight.* and 11 more")
    refused(save({}, tmp_path / "nothing.pth"), "misses")
    for change, match in (
        ({"features.14.bias": torch.zeros(7)}, r"features\.14\.bias of shape \(7,\), expected \(256,\)"),
        ({"features.14.bias": torch.full((256,), torch.nan)}, "not finite"),
        ({"features.14.bias": torch.zeros(256, dtype=torch.int64)}, "int64, expected torch.float32"),
        ({"extra": torch.zeros(1)}, "has extra, which"),
    ):
        refused(save({**vgg_state, **change}, tmp_path / "changed.pth"), match, "vgg16")
    del (cut := dict(vgg_state))["features.14.bias"]
    refused(save(cut, tmp_path / "cut.pth"), r"misses features\.14\.bias\.", "vgg16")


def test_known_name_needs_its_hash(tmp_path: Path, small_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save(small_state, tmp_path / "raft_small_C_T_V2-01064c6d.pth")
    refused(source, "expected 01064c6d")
    refused(source, "expected 01064c6d", "raft_small")
    renamed = make_known(monkeypatch, "raft_small", source)
    file = import_file(renamed.rename(tmp_path / "renamed by a browser (1).pth"))
    assert file.known
    assert file.file_name == renamed.name
    assert list_weights() == [file]


def test_refuses_vgg_of_another_normalisation(
    tmp_path: Path, vgg_state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = save(vgg_state, tmp_path / "v.pth")
    monkeypatch.setattr(weights, "UNUSABLE", (f"other-{weights._sha256(source)[:8]}.pth",))
    refused(source, "another input normalisation")


def test_damage_is_noticed(tmp_path: Path, small_state: State) -> None:
    older = import_file(save({key: value + 1 for key, value in small_state.items()}, tmp_path / "a.pth"))
    file = import_file(save(small_state, tmp_path / "b.pth"))
    assert find("raft_small") == file
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(file.path, ns=(1, 1))  # this file system's clock may be too coarse for two writes in a row
    assert [item.damage for item in list_weights()] == ["", "its SHA-256 has changed"]
    assert find("raft_small") == older
    older.path.unlink()
    assert find("raft_small") is None
    file.path.write_bytes(whole[:-1])
    assert [item.damage for item in list_weights()][1] == f"{len(whole) - 1} bytes, {len(whole)} expected"
    sentence = missing_sentence("raft_small")
    assert file.file_name in sentence
    assert "damaged" in sentence
    assert "DIS instead" in sentence
    with pytest.raises(InputError, match="cannot be read"):
        RaftFlow(older)
    assert import_file(tmp_path / "b.pth") == find("raft_small")  # repaired


def test_checks_are_cheap(tmp_path: Path, small_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    file = import_file(save(small_state, tmp_path / "a.pth"))
    hashed = []
    real = weights._sha256
    monkeypatch.setattr(weights, "_sha256", lambda path, *rest: hashed.append(path) or real(path, *rest))
    weights._sha256_once.cache_clear()
    for _ in range(3):
        weights._sha256_once.cache_clear()  # as a new process: the memo on disk holds
        assert find("raft_small") == file
    assert hashed == [file.path]
    monkeypatch.setattr(weights, "_write_json", lambda *args: (_ for _ in ()).throw(PermissionError()))
    os.utime(file.path, ns=(1, 1))  # a folder that cannot be written: once a process
    for _ in range(3):
        assert find("raft_small") == file
    assert len(hashed) == 2


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"version": 2, "files": {}}',
        '{"version": 1, "files": {"a": {"kind": "vgg16"}}}',
        json.dumps({"version": 1, "files": {"../a": {"kind": "vgg16", "sha256": "", "size": 1}}}),
    ],
)
def test_broken_index(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "index.json").write_text(text)
    with pytest.raises(InputError, match=r"index\.json cannot be read"):
        list_weights()


def test_failed_copy_leaves_what_was_there(
    tmp_path: Path, folder: Path, small_state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = import_file(save(small_state, tmp_path / "a.pth"))
    save({key: value + 1 for key, value in small_state.items()}, tmp_path / "b.pth")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(IlviError, match="No space left") as caught:
            import_file(tmp_path / "b.pth")
    assert "ILVI_WEIGHTS" in caught.value.hint
    assert list_weights() == [file]
    assert not list(folder.glob(".tmp*"))


# The network


def test_offline_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ILVI_OFFLINE", "1")
    with pytest.raises(InputError, match="ILVI_OFFLINE is set") as caught:
        weights.download("vgg16")
    assert "ilvi weights import FILE" in caught.value.hint


def test_download(tmp_path: Path, small_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_known(monkeypatch, "raft_small", save(small_state, tmp_path / "a.pth"))
    content = source.read_bytes()
    asked = []

    def reply(url: str, timeout: float) -> io.BytesIO:
        asked.append((url, timeout))
        return io.BytesIO(content)

    monkeypatch.setattr(urllib.request, "urlopen", reply)
    monkeypatch.setenv("ILVI_OFFLINE", "0")
    file = weights.download("raft_small")
    assert asked == [(f"https://download.pytorch.org/models/{source.name}", weights.TIMEOUT_S)]
    assert file.known
    assert find("raft_small") == file


def test_download_fails_in_words(tmp_path: Path, small_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    make_known(monkeypatch, "raft_small", save(small_state, tmp_path / "a.pth"))

    def unreachable(url: str, timeout: float) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    with pytest.raises(IlviError, match=r"could not be downloaded.*no route") as caught:
        weights.download("raft_small")
    assert "ilvi weights import FILE" in caught.value.hint
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(b"<html>log in</html>"))
    with pytest.raises(InputError, match="SHA-256"):
        weights.download("raft_small")
    assert list_weights() == []


# VGG16


def test_features_are_torchvisions(tmp_path: Path, vgg_state: State) -> None:
    model = load_vgg(import_file(save(vgg_state, tmp_path / "v.pth")))
    torch.manual_seed(1)
    image = torch.rand(2, 3, 33, 46)
    before = image.clone()
    features = model(image)
    assert torch.equal(image, before)
    assert {key: tuple(value.shape) for key, value in features.items()} == {
        "relu1_2": (2, 64, 33, 46),
        "relu2_2": (2, 128, 16, 23),
        "relu3_3": (2, 256, 8, 11),
    }
    # The same from the functions alone: two, two and three convolutions, a pool between the blocks.
    transform = VGG16_Weights.IMAGENET1K_V1.transforms()
    x = (image - torch.tensor(transform.mean).view(3, 1, 1)) / torch.tensor(transform.std).view(3, 1, 1)
    for name, block in {"relu1_2": (0, 2), "relu2_2": (5, 7), "relu3_3": (10, 12, 14)}.items():
        if name != "relu1_2":
            x = nn.functional.max_pool2d(x, 2)
        for index in block:
            key = f"features.{index}"
            x = nn.functional.conv2d(x, vgg_state[f"{key}.weight"], vgg_state[f"{key}.bias"], padding=1).clamp(min=0)
        assert x.std() > 0.01
        torch.testing.assert_close(features[name], x)
        torch.testing.assert_close(VGGFeatures(vgg_state, [name])(image), {name: x})


def test_only_what_is_wanted_is_computed(vgg_state: State) -> None:
    model = VGGFeatures(vgg_state, ["relu1_2"])
    assert len(model.body) == 4
    assert [module.inplace for module in model.body if isinstance(module, nn.ReLU)] == [True, False]
    for layers in ([], ["relu5_3"]):
        with pytest.raises(ValueError, match="layers are"):
            VGGFeatures(vgg_state, layers)
    with pytest.raises(ValueError, match="expected"):
        model(torch.zeros(1, 1, 8, 8))


def test_frozen_but_differentiable(vgg_state: State) -> None:
    model = VGGFeatures(vgg_state)
    assert not model.training
    holder = nn.Sequential(model).train()
    assert holder.training
    assert not any(module.training for module in model.modules())
    assert not any(weight.requires_grad for weight in model.parameters())
    for name in LAYERS:
        image = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
        model(image)[name].square().sum().backward()
        assert image.grad is not None
        assert image.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in model.parameters())


def test_loading_leaves_the_random_state_and_the_callers_tensors(tmp_path: Path, vgg_state: State) -> None:
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    model = VGGFeatures(vgg_state)
    small = optical_flow.raft_small(weights=None).state_dict()
    file = import_file(save(small, tmp_path / "s.pth"))
    torch.manual_seed(11)
    VGGFeatures(vgg_state)
    RaftFlow(file)
    assert torch.equal(torch.rand(4), expected)
    kept = vgg_state["features.0.bias"].clone()
    model.body[0].bias.fill_(9)
    assert torch.equal(vgg_state["features.0.bias"], kept)


# RAFT


def frames(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    return random.random((height, width, 3), np.float32), random.random((height, width, 3), np.float32)


def reference(kind: str, state: State, a: np.ndarray, b: np.ndarray, updates: int) -> np.ndarray:
    """torchvision's own forward on sides that are multiples of 8."""
    model = getattr(optical_flow, kind)(weights=None).eval()
    model.load_state_dict(state)
    transform = optical_flow.Raft_Small_Weights.DEFAULT.transforms()
    with torch.no_grad():
        a_in, b_in = transform(*(torch.from_numpy(x).permute(2, 0, 1)[None] for x in (a, b)))
        return model(a_in, b_in, num_flow_updates=updates)[-1][0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("kind", "updates"), [("raft_small", 12), ("raft_large", 2)])
def test_raft_is_torchvisions(tmp_path: Path, kind: str, updates: int) -> None:
    torch.manual_seed(8)
    state = getattr(optical_flow, kind)(weights=None).state_dict()
    file = import_file(save(state, tmp_path / "r.pth"), kind)
    a, b = frames(128, 136)
    flow = RaftFlow(file)(a, b) if updates == 12 else RaftFlow(file, updates=updates)(a, b)
    assert flow.shape == (128, 136, 2)
    assert flow.dtype == np.float32
    expected = reference(kind, state, a, b, updates)
    assert np.abs(expected - reference(kind, state, b, a, updates)).max() > 1e-2  # so the order of a and b is seen
    np.testing.assert_allclose(flow, expected, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(131, 150), (37, 130), (1, 1)])
def test_raft_any_size(tmp_path: Path, small_state: State, height: int, width: int) -> None:
    file = import_file(save(small_state, tmp_path / "r.pth"))
    a, b = frames(height, width)
    flow = RaftFlow(file, updates=2)(a, b)
    assert flow.shape == (height, width, 2)
    extra = [max(128, -(-size // 8) * 8) - size for size in (height, width)]
    margins = [(e // 2, e - e // 2) for e in extra] + [(0, 0)]
    padded = reference("raft_small", small_state, np.pad(a, margins, "edge"), np.pad(b, margins, "edge"), 2)
    (top, _), (left, _), _ = margins
    np.testing.assert_allclose(flow, padded[top : top + height, left : left + width], atol=1e-3)


def test_raft_units_and_identity(tmp_path: Path, small_state: State) -> None:
    """A flow head that always answers (0.25, -0.5) cells moves 8 pixels a cell, u first; one of zeros, nothing."""
    a, _ = frames(90, 140)
    for head in ((0.25, -0.5), (0.0, 0.0)):
        state = dict(small_state)
        state["update_block.flow_head.conv2.weight"] = torch.zeros_like(state["update_block.flow_head.conv2.weight"])
        state["update_block.flow_head.conv2.bias"] = torch.tensor(head)
        file = import_file(save(state, tmp_path / "r.pth"))
        flow = RaftFlow(file, updates=3)(a, a)
        np.testing.assert_allclose(flow, np.broadcast_to(np.float32(head) * 3 * 8, flow.shape), atol=1e-4)


def test_raft_refuses(tmp_path: Path, vgg_state: State, small_state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="expected RAFT"):
        RaftFlow(import_file(save(vgg_state, tmp_path / "v.pth")))
    raft = RaftFlow(import_file(save(small_state, tmp_path / "r.pth")))
    with pytest.raises(InputError, match="is not usable: as VGG16 weights it misses"):
        load_vgg(weights.WeightFile("vgg16", "r.pth", tmp_path / "r.pth", "", False, 0))
    for a, b in (((9, 9, 3), (9, 8, 3)), ((9, 9, 4), (9, 9, 4)), ((9, 9), (9, 9))):
        with pytest.raises(ValueError, match="expected one shape"):
            raft(np.zeros(a, np.float32), np.zeros(b, np.float32))

    def too_much(*args: object, **options: object) -> None:
        raise torch.OutOfMemoryError("2 TiB")

    monkeypatch.setattr(raft.model, "forward", too_much)
    with pytest.raises(DeviceError, match="for 9x7"):
        raft(*frames(7, 9))
