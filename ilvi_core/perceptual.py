"""VGG16 features of an imported weight file: relu1_2, relu2_2, relu3_3 for the loss L_p (eq. 6), pool5 for Fig. 9."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torchvision.models import vgg16

from ilvi_core.weights import WeightFile, read_weights

# Where torchvision's vgg16().features has them: the loss's, which are the default, and what only is looked at.
LAYERS = {"relu1_2": 3, "relu2_2": 8, "relu3_3": 15}
DEEPER = {"pool5": 30}
MEAN = (0.485, 0.456, 0.406)  # of ImageNet, RGB in 0..1: what torchvision's weights were trained with
STD = (0.229, 0.224, 0.225)


class VGGFeatures(nn.Module):
    """Frozen VGG16 up to the last wanted layer; gradients reach the input, never the weights.

    state: tensors named as in torchvision's vgg16 ("features.0.weight", ...); what lies deeper is ignored.
    layers: names out of LAYERS and DEEPER.  Errors: ValueError for a layer that is not there.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, state: Mapping[str, torch.Tensor], layers: Iterable[str] = tuple(LAYERS)) -> None:
        super().__init__()
        wanted, places = set(layers), LAYERS | DEEPER
        if not wanted or not wanted <= places.keys():
            raise ValueError(f"layers are {sorted(wanted)}, expected some of {list(places)}")
        self.taps = {index: name for name, index in places.items() if name in wanted}
        # On the meta device: the classifier's 120 million numbers are never made, and the global random state, which
        # the network under training starts from, is not touched.
        with torch.device("meta"):
            self.body = vgg16(weights=None).features[: max(self.taps) + 1]
        for index, module in enumerate(self.body):
            if isinstance(module, nn.ReLU):
                module.inplace = index not in self.taps
        # clone: a caller's tensors (or one storage expanded over many) must not change under us, nor we under them.
        own = {key: state[f"features.{key}"].detach().float().clone() for key in self.body.state_dict()}
        self.body.load_state_dict(own, assign=True)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> VGGFeatures:
        """Stay in evaluation mode, also when the module that holds this one is set to train."""
        return super().train(False)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """image: (N, 3, H, W), RGB in 0..1, H and W at least 4, for pool5 32.

        Returns relu1_2 (N, 64, H, W), relu2_2 (N, 128, H//2, W//2), relu3_3 (N, 256, H//4, W//4) and pool5
        (N, 512, H//32, W//32), the wanted ones.
        """
        if image.ndim != 4 or image.shape[1] != 3:
            raise ValueError(f"image has shape {tuple(image.shape)}, expected (N, 3, H, W)")
        x = (image - self.mean) / self.std
        features = {}
        for index, module in enumerate(self.body):
            x = module(x)
            if index in self.taps:
                features[self.taps[index]] = x
        return features


def load_vgg(
    file: WeightFile, device: torch.device | str = "cpu", layers: Iterable[str] = tuple(LAYERS)
) -> VGGFeatures:
    """VGGFeatures from an imported file (`weights.find("vgg16")`). Errors: InputError when it cannot be used."""
    return VGGFeatures(read_weights(file), layers).to(device)
