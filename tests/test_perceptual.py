"""VGG16's pool5, which is only looked at (Fig. 9), beside the loss's layers: on random weights made here."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import VGG16_Weights, vgg16

from ilvi_core.host.errors import InputError
from ilvi_core.host.job import PERCEPTUAL_LAYERS, SolveSettings
from ilvi_core.perceptual import VGGFeatures

State = dict[str, torch.Tensor]
BLOCKS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


@pytest.fixture(scope="module")
def deep_state() -> State:
    """All of vgg16().features, random, of a spread that keeps the values' size from layer to layer."""
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in vgg16(weights=None).features.state_dict().items()}
    generator = torch.Generator().manual_seed(3)
    return {
        f"features.{key}": torch.randn(shape, generator=generator) * (2 / max(shape[1:].numel(), 9)) ** 0.5
        for key, shape in shapes.items()
    }


def test_pool5_is_all_five_blocks_and_their_pools(deep_state: State) -> None:
    image = torch.rand(2, 3, 70, 40, generator=torch.Generator().manual_seed(1))
    before = image.clone()
    features = VGGFeatures(deep_state, ["pool5", "relu2_2"])(image)
    assert torch.equal(image, before)
    transform = VGG16_Weights.IMAGENET1K_V1.transforms()
    x = (image - torch.tensor(transform.mean).view(3, 1, 1)) / torch.tensor(transform.std).view(3, 1, 1)
    for number, block in enumerate(BLOCKS, 1):
        for index in block:
            key = f"features.{index}"
            x = nn.functional.conv2d(x, deep_state[f"{key}.weight"], deep_state[f"{key}.bias"], padding=1).clamp(min=0)
        if number == 2:  # also with deeper layers after it
            torch.testing.assert_close(features["relu2_2"], x)
        x = nn.functional.max_pool2d(x, 2)
    assert x.shape == (2, 512, 2, 1)
    assert x.std() > 0.01
    assert features.keys() == {"relu2_2", "pool5"}
    torch.testing.assert_close(features["pool5"], x)


def test_the_loss_stays_with_its_own_layers(deep_state: State) -> None:
    model = VGGFeatures(deep_state)
    assert tuple(model(torch.rand(1, 3, 32, 32))) == PERCEPTUAL_LAYERS
    assert len(model.body) == 16
    with pytest.raises(InputError, match="pool5"):
        SolveSettings(perceptual_layers=("pool5",))
