"""EXR and PNG sequences through the plugin: run.py reads them for the test host and writes its frames."""

import cv2
import numpy as np
import OpenEXR
import pytest
from ofx_kit import BUNDLE, HEIGHT, WIDTH
from ofx_worker import fill_of

pytestmark = pytest.mark.ofx
FRAMES = range(11, 14)
RANGE = f"first={FRAMES[0]} last={FRAMES[-1]}"
LEVELS = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def write_exr(path, pixels):
    names = {1: ["Y"], 4: ["R", "G", "B", "A"]}[pixels.shape[2]]
    channels = {name: np.ascontiguousarray(pixels[..., i]) for i, name in enumerate(names)}
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, channels).write(str(path))


def read_exr(path):
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        return np.dstack([channels[name].pixels for name in "RGBA" if name in channels])


def write_png(path, pixels):
    swapped = pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]] if pixels.shape[2] > 1 else pixels
    assert cv2.imwrite(str(path), swapped)


def read_png(path):
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]


def hole(frame):
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[12:28, frame : frame + 20] = True
    return inside


def plate(frame, dtype, channels):
    """Any bits that a file may hold: values below 0 and above 1, the smallest ones, alpha that is not 1."""
    random = np.random.default_rng(frame)
    if dtype in LEVELS:
        return random.integers(0, LEVELS[dtype] + 1, (HEIGHT, WIDTH, channels)).astype(dtype)
    values = (random.standard_normal((HEIGHT, WIDTH, channels)) * 4).astype(dtype)
    values[0, :4, 0] = [6e-8, -6e-8, 60000, 0]
    return values


KINDS = {
    "half EXR": (np.float16, "exr", 4),
    "float EXR": (np.float32, "exr", 4),
    "8 bit PNG": (np.uint8, "png", 3),
    "8 bit PNG with alpha": (np.uint8, "png", 4),
    "16 bit PNG": (np.uint16, "png", 4),
}


@pytest.fixture(params=KINDS)
def sequence(request, tmp_path):
    """(plates, type of file, pattern of both)."""
    dtype, suffix, channels = KINDS[request.param]
    plates = {frame: plate(frame, np.dtype(dtype), channels) for frame in FRAMES}
    for frame, pixels in plates.items():
        matte = hole(frame)[..., None]
        if suffix == "exr":
            write_exr(tmp_path / f"plate.{frame:04d}.exr", pixels)
            write_exr(tmp_path / f"matte.{frame:04d}.exr", matte.astype(np.float16))
        else:
            write_png(tmp_path / f"plate.{frame:04d}.png", pixels)
            write_png(tmp_path / f"matte.{frame:04d}.png", matte * np.uint8(255))
    return plates, suffix, f"{tmp_path}/%s.%04d.{suffix}"


def clips(pattern):
    clip = '{} "files={}" ' + RANGE
    return [
        "clip " + clip.format(name, pattern.replace("%s", file))
        for name, file in (("Source", "plate"), ("Mask", "matte"))
    ]


@pytest.mark.parametrize("way", ["button", "playback"])
def test_pixels_without_matte_come_back_as_they_were_in_the_file(host, sequence, tmp_path, way):
    plates, suffix, pattern = sequence
    render = f'render {RANGE} "out={tmp_path}/a folder/out.%04d.{suffix}"'
    commands = ["press inpaint", render]
    if way == "playback":
        commands = ["set range custom", f"set first {FRAMES[0]}", f"set last {FRAMES[-1]}", render, render]
    code, answers, errors = host.run_files(*clips(pattern), *commands)
    assert code == 0, errors
    assert set(answers.renders) == {"kOfxStatOK"}
    assert host.told().count("start") == 1
    for frame, pixels in plates.items():
        expected, fill = pixels.copy(), np.float64(fill_of(frame))
        level = LEVELS.get(pixels.dtype)
        expected[hole(frame), :3] = np.rint(fill * level) if level else fill
        read = {"exr": read_exr, "png": read_png}[suffix]
        shown = read(tmp_path / "a folder" / f"out.{frame:04d}.{suffix}")
        assert shown.dtype == pixels.dtype
        np.testing.assert_array_equal(shown, expected, err_msg=f"frame {frame}")


def test_an_exr_is_float_and_a_png_16_bit_where_the_host_s_pixels_are(host, tmp_path):
    for frame in FRAMES:
        write_exr(tmp_path / f"plate.{frame:04d}.exr", plate(frame, np.dtype(np.float16), 4))
    source = f"clip Source files={tmp_path}/plate.%04d.exr {RANGE} depth=float"
    renders = [f"render {RANGE} out={tmp_path}/out.%04d.{suffix}" for suffix in ("exr", "png", "npy")]
    code, _, errors = host.run_files(source, "set frames_from button", *renders)
    assert code == 0, errors
    for frame in FRAMES:
        shown = read_exr(tmp_path / f"out.{frame:04d}.exr")
        assert shown.dtype == np.float32
        np.testing.assert_array_equal(shown, np.load(tmp_path / f"out.{frame:04d}.npy"))
        assert read_png(tmp_path / f"out.{frame:04d}.png").dtype == np.uint16


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("clip Source files={}/plate.%04d.exr first=1 last=2", "plate.0001.exr cannot be read: "),
        ("clip Source files={}/cut.%04d.exr first=1", "cut.0001.exr cannot be read: "),
        ("clip Source files={}/plate.exr first=1", "plate.exr has no frame number"),
        ("clip Source files={}/plate.%04d.exr first=one", "invalid literal"),
        ('clip Source "files={}/plate.%04d.exr', "No closing quotation"),
        ("render frame=1 out={}/out.%04d.jpg", "out.%04d.jpg is no .exr, .png or .npy"),
        ("render frame=1 out={}/out.png", "out.png has no frame number"),
        ("render frame=1 out=/proc/nowhere/out.%04d.png", "/proc/nowhere/out.0001.png cannot be written: "),
    ],
)
def test_a_file_that_cannot_be_read_or_written_is_said_in_words(host, tmp_path, command, words):
    write_exr(tmp_path / "whole.exr", plate(1, np.dtype(np.float16), 4))
    (tmp_path / "cut.0001.exr").write_bytes((tmp_path / "whole.exr").read_bytes()[:900])
    source = f"clip Source npy={host.frames}/plate.1001.npy first=1 last=1"
    code, _, errors = host.run_files(source, "set frames_from button", command.format(tmp_path))
    assert code == 2
    assert words in errors
    assert "Traceback" not in errors


def test_a_build_without_the_host_is_said_in_words(host, tmp_path):
    host.build = tmp_path
    assert not (tmp_path / BUNDLE).exists()
    code, _, errors = host.run_files()
    assert code == 2
    assert "has no ilvi_testhost" in errors


def test_the_host_s_own_exit_code_is_handed_on(host):
    code, answers, _ = host.run_files("nonsense")
    assert code == 2
    assert answers[-1]["error"] == "no command is called 'nonsense'"
