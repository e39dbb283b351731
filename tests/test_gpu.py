"""What only a CUDA device can show: no waiting in the update loop, bfloat16, the same fill from the same weights."""

import numpy as np
import pytest
import torch
from torchvision.models import vgg16

import ilvi_core
from ilvi_core import device, methods, window
from ilvi_core.filling import fills, settle
from ilvi_core.flow import dis_flow
from ilvi_core.host.job import SolveSettings
from ilvi_core.perceptual import VGGFeatures
from ilvi_core.train import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def trainer_on(name, precision, method="dip-vid-flow", perceptual=False):
    settings = SolveSettings(method=method, size=(128, 96), batch=4, flow_input="filled", weight_average=0.9)
    random = np.random.default_rng(0)
    plate = np.kron(random.random((8, 12, 16, 3), np.float32), np.ones((1, 8, 8, 1), np.float32))
    known = np.ones(plate.shape[:3], bool)
    known[:, 30:60, 40:70] = False
    data = window.build(range(1001, 1009), plate, known, settings, name)
    if methods.METHODS[method].flow:
        window.add_flows(data, plate, known, settings.intervals, 0, dis_flow)
    vgg = None
    if perceptual:
        torch.manual_seed(0)
        vgg = VGGFeatures({f"features.{k}": v for k, v in vgg16(weights=None).features[:16].state_dict().items()})
        vgg = vgg.to(name)
        window.add_features(data, vgg, precision)
    device.set_exact(precision)
    return Trainer(methods.METHODS[method], settings, data, precision, vgg)


@pytest.mark.parametrize(
    ("method", "perceptual"),
    [("dip-vid-flow", False), ("dip-vid-flow", True), ("dip-vid", False), ("dip-vid-3dcn", False)],
)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_updates_never_wait_for_the_gpu(precision, method, perceptual):
    trainer = trainer_on("cuda:0", precision, method, perceptual)
    trainer.time_updates(2)  # cuDNN's first choices may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(5):
            trainer._update()
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_statistics_stay_in_float32_under_bfloat16():
    trainer = trainer_on("cuda:0", torch.bfloat16)
    trainer.time_updates(2)
    assert {v.dtype for v in trainer.network.state_dict().values()} <= {torch.float32, torch.int64}


def test_float32_updates_agree_with_the_cpu():
    on_cpu, on_gpu = trainer_on("cpu", torch.float32), trainer_on("cuda:0", torch.float32)
    for trainer in (on_cpu, on_gpu):
        trainer.network.train()
        trainer._update()
        settle(trainer.network, trainer.window, 4)
    a, b = (dict(fills(t.network, t.window, 4, [3]))[3].cpu() for t in (on_cpu, on_gpu))
    # Adam's first step is the gradient's sign: where that is nearly nothing the two devices may differ
    assert (torch.linalg.norm(a - b) / torch.linalg.norm(a)) < 2e-2


def test_a_fill_is_the_same_twice():
    trainer = trainer_on("cuda:0", torch.bfloat16)
    trainer.time_updates(3)
    settle(trainer.network, trainer.window, 4)
    first, second = (dict(fills(trainer.network, trainer.window, 4, [5]))[5] for _ in range(2))
    assert torch.equal(first, second)


def test_inpaint_on_the_gpu_learns_the_known_region():
    random = np.random.default_rng(0)
    still = np.kron(random.integers(0, 256, (1, 12, 16, 3), np.uint8), np.ones((1, 8, 8, 1), np.uint8))
    plate = np.repeat(still, 6, axis=0)
    matte = np.zeros(plate.shape[:3], np.uint8)
    for n in range(6):  # what the hole covers in one frame is seen in another
        matte[n, 30:60, 15 * n : 15 * n + 15] = 255
    result = ilvi_core.inpaint(plate, matte, {"max_updates": 600, "guard_weight": 0}, device="cuda")
    hole = matte > 0
    error = np.abs(result[hole].astype(float) - plate[hole]).mean()
    grey = np.abs(plate[hole].astype(float) - plate[~hole].mean(0)).mean()
    assert error < 0.7 * grey


@pytest.mark.parametrize("remainder", ["smooth", "exemplar", "network"])
def test_ilvi_gives_on_the_gpu_what_it_gives_on_the_cpu(remainder):
    random = np.random.default_rng(0)
    wide = np.kron(random.random((12, 40, 3)), np.ones((8, 8, 1)))
    truth = np.stack([wide[:, 8 * t : 8 * t + 160] for t in range(8)])
    matte = np.zeros(truth.shape[:3], np.uint8)
    matte[:, 30:62, 60:100] = 255
    plate = np.round(np.where(matte[..., None] > 0, 1.0, truth) * 255).astype(np.uint8)
    settings = {"method": "ilvi", "remainder": remainder, "max_updates": 20}
    cpu, gpu = (ilvi_core.inpaint(plate, matte, settings, device=name) for name in ("cpu", "cuda:0"))
    np.testing.assert_array_equal(gpu[0, :8], plate[0, :8])
    assert np.abs(cpu.astype(int) - gpu).mean() < (1 if remainder != "network" else 4)
