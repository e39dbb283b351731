"""Which torch is taken, for machines that are not here."""

from __future__ import annotations

from pathlib import Path

import pytest
from ilvi_install.places import Machine
from ilvi_install.torch_build import INDEX, Gpu, TorchBuild, choose, cuda_build, find_gpu
from ilvi_install.words import Refused

LINUX = Machine("linux", "x86_64", Path("/home/a"), {})
WINDOWS = Machine("win32", "AMD64", Path("C:/a"), {})
MAC = Machine("darwin", "arm64", Path("/Users/a"), {})


def reached(url: str) -> bool:
    return True


def unreached(url: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("driver", "capability", "system", "tag"),
    [
        ("590.44", 9.0, "linux", "cu130"),
        ("580.65", 6.1, "linux", "cu126"),  # Pascal: CUDA 13 has left it
        ("570.12", 10.0, "linux", "cu128"),  # Blackwell
        ("550.54", 8.6, "linux", "cu126"),
        ("550.54", 12.0, "linux", ""),  # a card newer than its driver's CUDA
        ("527.0", 8.6, "linux", "cu126"),
        ("527.0", 8.6, "win32", "cu118"),  # Windows needs 528
        ("470.82", 7.5, "linux", "cu118"),
        ("390.1", 6.1, "linux", ""),
        ("560", 0.0, "linux", "cu126"),  # capability unknown
    ],
)
def test_the_build_that_driver_and_card_can_run(driver, capability, system, tag):
    assert cuda_build(Gpu(driver, capability), system) == tag


def test_auto_takes_what_fits():
    build = choose("auto", LINUX, Gpu("550.54", 8.6, "RTX A5000"), False, reached)
    assert build.pip[:2] == ("--index-url", INDEX + "cu126")
    assert "driver 550.54, RTX A5000" in build.words
    assert choose("auto", LINUX, None, False, reached).pip[:2] == ("--index-url", INDEX + "cpu")
    assert choose("auto", MAC, None, False, reached).pip == ()


def test_auto_without_torchs_index_takes_what_pip_finds():
    for gpu in (None, Gpu("550.54", 8.6)):
        build = choose("auto", LINUX, gpu, False, unreached)
        assert build.pip == ()
        assert "cannot be reached" in build.words
    assert choose("auto", LINUX, None, True, reached).pip == (), "pip's own index goes before"


def test_an_old_driver_is_told():
    build = choose("auto", LINUX, Gpu("390.1", 6.1), False, reached)
    assert build.pip[:2] == ("--index-url", INDEX + "cpu")
    assert "too old" in build.warning
    with pytest.raises(Refused, match="too old"):
        choose("cuda", LINUX, Gpu("390.1", 6.1), False, reached)


def test_what_is_asked_for_and_cannot_be():
    with pytest.raises(Refused, match="no NVIDIA driver"):
        choose("cuda", WINDOWS, None, False, reached)
    with pytest.raises(Refused, match="cannot be reached"):
        choose("cpu", LINUX, None, False, unreached)
    with pytest.raises(Refused, match="names no folder and no wheel"):
        choose("rocm", LINUX, None, False, reached)


def test_files_and_urls(tmp_path):
    assert choose("https://studio/simple", LINUX, None, False, unreached).pip[1] == "https://studio/simple"
    with pytest.raises(Refused, match="no wheel of torch"):
        choose(str(tmp_path), LINUX, None, False, unreached)
    (tmp_path / "torch-2.9.0-cp311-cp311-win_amd64.whl").touch()
    assert str(tmp_path) in choose(str(tmp_path), LINUX, None, False, unreached).pip
    assert choose(str(next(tmp_path.iterdir())), LINUX, None, False, unreached).pip == (str(next(tmp_path.iterdir())),)


def test_plain_needs_the_room_of_cuda_on_linux_alone():
    assert choose("plain", LINUX, None, False, reached).room > choose("plain", MAC, None, False, reached).room
    assert isinstance(choose("plain", WINDOWS, None, False, reached), TorchBuild)


def test_the_cards_by_nvidia_smi():
    lines = "550.54.14, 8.9, NVIDIA RTX 6000 Ada Generation\n550.54.14, 7.0, Tesla V100\n"
    assert find_gpu(LINUX, lambda command: lines) == Gpu("550.54.14", 7.0, "NVIDIA RTX 6000 Ada Generation")
    assert find_gpu(LINUX, lambda command: "") is None
    assert find_gpu(LINUX, lambda command: "550.54, [N/A], Card") == Gpu("550.54", 0.0, "Card")
    kernel = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19"
    assert find_gpu(LINUX, lambda command: kernel if command[0] == "cat" else "") == Gpu("535.129.03")


def test_windows_finds_nvidia_smi_where_it_lies():
    asked = []
    find_gpu(WINDOWS, lambda command: asked.append(command[0]) or "")
    assert any("System32" in command for command in asked)
