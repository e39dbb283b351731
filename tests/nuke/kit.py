"""What the plugin's tests share: a Nuke with the plugin in it, a clip, and what a compositor does.

Runs on every Python that a Nuke has, so: standard library, numpy and OpenImageIO. The worker's Python is the one that
runs the tests, or ILVI_TEST_WORKER; the plugin is the checkout's, or ILVI_TEST_PLUGIN.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = Path(os.environ.get("ILVI_TEST_PLUGIN", ROOT / "nuke_plugin"))
sys.path.insert(0, str(Path(__file__).parent / "fake_nuke"))

WIDTH, HEIGHT, FRAMES, FIRST, STEP = 160, 96, 8, 1001, 10


def launch(gui=True, plugin=PLUGIN, **options):
    """A new Nuke with the plugin loaded, as Nuke does at its start."""
    import fake_host

    forget_plugin()
    fake_host.start(gui=gui, **options)
    if str(plugin) not in sys.path:
        sys.path.insert(0, str(plugin))
    for name in ["init.py", "menu.py"] if gui else ["init.py"]:
        code = compile((plugin / name).read_text(encoding="utf-8"), str(plugin / name), "exec")
        exec(code, {"__file__": str(plugin / name), "__name__": "init"})
    return fake_host


def live_in(folder, patch):
    """A worker, a cache and a log in the folder."""
    patch.setenv("ILVI_PYTHON", os.environ.get("ILVI_TEST_WORKER", sys.executable))
    patch.setenv("ILVI_CACHE", str(folder / "cache"))
    patch.setenv("ILVI_LOG", str(folder / "log"))
    patch.setenv("HOME", str(folder))
    patch.delenv("PYTHONPATH", raising=False)
    patch.chdir(folder)


def forget_plugin():
    for name in [n for n in sys.modules if n == "ilvi_nuke" or n.startswith("ilvi_nuke.")]:
        del sys.modules[name]


def stop_workers():
    from ilvi_core.host import client

    for one in list(client._clients):
        one.close((1.0, 1.0, 1.0))


# -- a clip ------------------------------------------------------------------------------------------------------------


def scene():
    """truth (T, H, W, 3), matte (T, H, W): a pan over a texture, scene-linear, with highlights."""
    random = np.random.default_rng(3)
    wide = WIDTH + STEP * FRAMES
    x, y = np.meshgrid(np.arange(wide), np.arange(HEIGHT))
    texture = np.zeros((HEIGHT, wide, 3), np.float32)
    for channel in range(3):
        for _ in range(14):
            fx, fy, phase = random.uniform(-0.25, 0.25), random.uniform(-0.25, 0.25), random.uniform(0, 6.28)
            texture[..., channel] += np.sin(fx * x + fy * y + phase).astype(np.float32)
    texture = (texture - texture.min()) / (texture.max() - texture.min()) * 0.8
    texture[20:26, ::37] = 6.0
    truth = np.stack([texture[:, STEP * t : STEP * t + WIDTH] for t in range(FRAMES)])
    matte = np.zeros(truth.shape[:3], np.float32)
    for t in range(FRAMES):
        matte[t, 30:62, 60 + 3 * t : 90 + 3 * t] = 1
    return truth, matte


def write_exr(path, channels, kind="half", window=None):
    """channels: name -> (h, w).  window: (x, y, full width, full height) of a data window inside the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    planes = np.stack(list(channels.values()), -1).astype(np.float32)
    spec = oiio.ImageSpec(planes.shape[1], planes.shape[0], planes.shape[2], kind)
    spec.channelnames = tuple(channels)
    spec.attribute("compression", "zips")
    if window is not None:
        spec.x, spec.y, spec.full_width, spec.full_height = window
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(np.ascontiguousarray(planes)), out.geterror()
    out.close()


def read_exr(path):
    """channel -> (h, w) float32."""
    image = oiio.ImageInput.open(str(path))
    assert image, oiio.geterror()
    spec = image.spec()
    planes = image.read_image("float")
    image.close()
    assert planes is not None
    planes = np.asarray(planes).reshape(spec.height, spec.width, spec.nchannels)
    return {name: planes[..., n] for n, name in enumerate(spec.channelnames)}


def make_clip(folder):
    """plate.####.exr (half, R G B A and Z) and matte.####.exr (A) on disk; the folder."""
    truth, matte = scene()
    depth = np.tile(np.linspace(1, 9, WIDTH, dtype=np.float32), (HEIGHT, 1))
    for t in range(FRAMES):
        spoiled = np.where(matte[t][..., None] > 0, 9.0, truth[t])
        rgb = {c: spoiled[..., n] for n, c in enumerate("RGB")}
        write_exr(folder / f"plate.{FIRST + t}.exr", {**rgb, "A": np.ones_like(depth), "Z": depth})
        write_exr(folder / f"matte.{FIRST + t}.exr", {"A": matte[t]})
    return folder
    return folder


# -- what a compositor does --------------------------------------------------------------------------------------------

LAST = FIRST + FRAMES - 1
QUICK = {"size": "160x96", "remainder": "smooth", "matte_channel": "alpha"}


def make_read(clip, name, **more):
    import nuke

    read = nuke.nodes.Read(name=f"Read_{name.partition('.')[0]}")
    read["file"].setValue(f"{clip.as_posix()}/{name}.####.exr")
    for knob in ("first", "origfirst"):
        read[knob].setValue(FIRST)
    for knob in ("last", "origlast"):
        read[knob].setValue(LAST)
    for knob, value in more.items():
        read[knob].setValue(value)
    return read


def make_node(plate, matte, **settings):
    import ilvi_nuke
    import nuke

    for other in nuke.selectedNodes():
        other.setSelected(False)
    plate.setSelected(True)
    node = ilvi_nuke.create()
    assert node.input(0) is plate
    node.setInput(1, matte)
    for knob, value in {**QUICK, **settings}.items():
        node[knob].setValue(value)
    return node


def set_up(host, clip, **settings):
    """Plate and matte as Reads, and a node."""
    import nuke

    return nuke, make_node(make_read(clip, "plate"), make_read(clip, "matte"), **settings)


def status(node):
    return node["status"].value()


def busy(node):
    from ilvi_nuke import tasks

    return tasks.of(node) is not None


def inpaint(host, node, timeout=90):
    host.press(node, "inpaint")
    host.pump(lambda: not busy(node), timeout)
    assert node["tile_color"].value() == 0x3F7D4FFF, status(node)
