"""What only a CUDA device can show: no waiting in the update loop, bfloat16, the same fill from the same weights."""

import numpy as np
import pytest
import torch

import ilvi_core
from ilvi_core import device, methods, window
from ilvi_core.flow import dis_flow
from ilvi_core.host.job import SolveSettings
from ilvi_core.train import Trainer, fill_frame, settle

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def trainer_on(name, precision, method="dip-vid-flow"):
    settings = SolveSettings(method=method, size=(128, 96), batch=4, flow_input="filled")
    random = np.random.default_rng(0)
    plate = np.kron(random.random((8, 12, 16, 3), np.float32), np.ones((1, 8, 8, 1), np.float32))
    known = np.ones(plate.shape[:3], bool)
    known[:, 30:60, 40:70] = False
    data = window.build(range(1001, 1009), plate, known, settings, name)
    if methods.METHODS[method].flow:
        window.add_flows(data, plate, known, settings, dis_flow)
    device.set_exact(precision)
    return Trainer(methods.METHODS[method], settings, data, precision)


@pytest.mark.parametrize("method", ["dip-vid-flow", "dip-vid", "dip-vid-3dcn"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_updates_never_wait_for_the_gpu(precision, method):
    trainer = trainer_on("cuda:0", precision, method)
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
        settle(trainer.network, trainer.window, 4, None)
    a, b = (fill_frame(t.network, t.window, 3, 4, None).cpu() for t in (on_cpu, on_gpu))
    assert (torch.linalg.norm(a - b) / torch.linalg.norm(a)) < 1e-3


def test_a_fill_is_the_same_twice():
    trainer = trainer_on("cuda:0", torch.bfloat16)
    trainer.time_updates(3)
    settle(trainer.network, trainer.window, 4, trainer.autocast)
    first, second = (fill_frame(trainer.network, trainer.window, 5, 4, trainer.autocast) for _ in range(2))
    assert torch.equal(first, second)


def test_inpaint_on_the_gpu_learns():
    random = np.random.default_rng(0)
    plate = np.kron(random.integers(0, 256, (6, 12, 16, 3), np.uint8), np.ones((1, 8, 8, 1), np.uint8))
    matte = np.zeros(plate.shape[:3], np.uint8)
    matte[:, 30:60, 40:70] = 255
    result = ilvi_core.inpaint(plate, matte, {"max_updates": 50}, device="cuda")
    assert np.array_equal(result[:, :20], plate[:, :20])
    assert (result[:, 40:50, 50:60] != plate[:, 40:50, 50:60]).any()
