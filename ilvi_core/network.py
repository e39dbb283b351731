"""The generator G of the paper: noise in, picture (and flow) out, as its supplement's section 1 lays down."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ilvi_core.host.job import FLOW_INTERVALS

ENCODER_WIDTHS = (16, 32, 64, 128, 128, 128)  # both convolutions of a block
DECODER_WIDTHS = ((132, 128), (132, 128), (132, 128), (68, 64), (36, 32), (20, 16))
SKIP_WIDTH = 4
SLOPE = 0.2
FLOW_CHANNELS = 4 * len(FLOW_INTERVALS)  # each range; forward then backward; x and y
GAINS = {"lecun": 1.0, "he": math.sqrt(2 / (1 + SLOPE**2))}  # by the initialisation: a weight's std x fan_in^1/2
MULTIPLE = 2 ** len(ENCODER_WIDTHS)


def padded_size(height: int, width: int) -> tuple[int, int]:
    """The (height, width) the network runs on: the next multiples of 64.

    At least 128, so that the smallest feature map (1/64) has four pixels: BatchNorm has no variance over one value.
    """
    padded = [max(2 * MULTIPLE, math.ceil(n / MULTIPLE) * MULTIPLE) for n in (height, width)]
    return padded[0], padded[1]


class ConvUnit(nn.Sequential):
    """Convolution, BatchNorm, LeakyReLU 0.2; `filters` and `stride` are spatial, `depth` is the third dimension's.

    Zero padding: it is defined on feature maps of any size, where reflection fails on a map of two pixels.
    No bias: BatchNorm takes the mean away.
    """

    def __init__(self, dims: int, c_in: int, c_out: int, filters: int, stride: int = 1, depth: int = 1) -> None:
        conv: nn.Module
        if dims == 2:
            conv = nn.Conv2d(c_in, c_out, filters, stride, filters // 2, bias=False)
            norm: nn.Module = nn.BatchNorm2d(c_out)
        else:
            conv = nn.Conv3d(
                c_in,
                c_out,
                (depth, filters, filters),
                (1, stride, stride),
                (depth // 2, filters // 2, filters // 2),
                bias=False,
            )
            norm = nn.BatchNorm3d(c_out)
        super().__init__(conv, norm, nn.LeakyReLU(SLOPE, inplace=True))


class EncoderDecoder(nn.Module):
    """The network of the supplement's section 1, 2D or 3D.

    Readings chosen where the text allows two: the decoder's numbers are the widths that its convolutions put out (132
    from 128 + 4 skip channels, then 128, ...), not the widths after concatenation; skip i starts at the input of
    encoder block i (the noise itself for block 1) and joins the decoder block that works at that resolution; the final
    layers, whose filter size is not said, are 1x1; in 3D, stride and upsampling are spatial only ("to reduce the
    spatial resolution"), the third dimension has filter 3, and 1 in skips and final layers.

    dims: 2 or 3.  flow: whether the 12-channel linear flow branch stands beside the picture's.
    initialisation: lecun, he or uniform; see `_initialise`.
    inputs, share: channels of the input, and of the widths; the paper's are 1 and all of them.
    Input 2D (N, inputs, H, W), 3D (1, 1, N, H, W), with H and W multiples of 64 (see `padded_size`).
    Output: picture (N, 3, H, W) in 0..1 (3D: (1, 3, N, H, W)); flow (N, 12, H, W), unbounded, or None.
    """

    def __init__(
        self, dims: int = 2, flow: bool = False, initialisation: str = "lecun", inputs: int = 1, share: float = 1.0
    ) -> None:
        super().__init__()
        if dims not in (2, 3) or (flow and dims == 3):
            raise ValueError(f"a network of {dims} dimensions {'with' if flow else 'without'} flow is not in the paper")
        self.dims = dims
        encoder_widths = tuple(max(round(c * share), 1) for c in ENCODER_WIDTHS)
        decoder_widths = tuple((max(round(b * share), 1) + a - b, max(round(b * share), 1)) for a, b in DECODER_WIDTHS)
        widths_in = (inputs, *encoder_widths[:-1])
        self.encoder = nn.ModuleList(
            nn.Sequential(ConvUnit(dims, c_in, c, 5, stride=2, depth=3), ConvUnit(dims, c, c, 5, depth=3))
            for c_in, c in zip(widths_in, encoder_widths, strict=True)
        )
        self.skips = nn.ModuleList(ConvUnit(dims, c_in, SKIP_WIDTH, 1) for c_in in widths_in)
        decoder, c_in = [], encoder_widths[-1]
        for first, second in decoder_widths:
            decoder.append(
                nn.Sequential(
                    ConvUnit(dims, c_in + SKIP_WIDTH, first, 3, depth=3), ConvUnit(dims, first, second, 3, depth=3)
                )
            )
            c_in = second
        self.decoder = nn.ModuleList(decoder)
        scale = (2.0, 2.0) if dims == 2 else (1.0, 2.0, 2.0)
        self.upsample = nn.Upsample(scale_factor=scale, mode="nearest")
        final = nn.Conv2d if dims == 2 else nn.Conv3d
        self.picture = final(c_in, 3, 1)
        self.flow = final(c_in, FLOW_CHANNELS, 1) if flow else None
        self._initialise(initialisation)

    def _initialise(self, initialisation: str) -> None:
        """LeCun et al. (reference 29): weights normal with standard deviation fan_in^-1/2, biases 0.

        he: the same, (2 / (1 + 0.2^2))^1/2 as wide (He et al. 2015, eq. 15).  uniform: PyTorch's own, weights and
        biases within fan_in^-1/2.
        """
        if initialisation == "uniform":
            return  # the layers have drawn them as they were made
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d)):
                fan_in = module.weight[0].numel()
                nn.init.normal_(module.weight, std=GAINS[initialisation] * fan_in**-0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def encode(self, noise: Tensor) -> list[Tensor]:
        """The inputs of every encoder block, then the last block's output (stride 64)."""
        features = [noise]
        for block in self.encoder:
            features.append(block(features[-1]))
        return features

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor | None]:
        features = self.encode(noise)
        x = features[-1]
        for block, skip, feature in zip(self.decoder, reversed(self.skips), features[-2::-1], strict=True):
            x = block(torch.cat((self.upsample(x), skip(feature)), dim=1))
        with torch.autocast(x.device.type, enabled=False):  # eight bits of mantissa would band the picture
            x = x.float()
            return torch.sigmoid(self.picture(x)), None if self.flow is None else self.flow(x)


def flow_channel(interval_index: int, backward: bool) -> int:
    """The first of the two channels (x, y) of a flow map: ranges in order, all forward ones, then all backward."""
    return 2 * interval_index + (FLOW_CHANNELS // 2 if backward else 0)


def parameter_count(dims: int, flow: bool) -> int:
    """Of such a network, without making one."""
    with torch.device("meta"):
        return sum(p.numel() for p in EncoderDecoder(dims, flow).parameters())


def forward_flops(network: EncoderDecoder, frames: int, height: int, width: int) -> float:
    """Floating point operations of one forward pass over `frames` frames, convolutions only (2 a multiply-add)."""
    total = 0.0
    hooks = []

    def count(module: nn.Module, _inputs: Sequence[Tensor], output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += 2.0 * weight[0].numel() * output.numel()

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            hooks.append(module.register_forward_hook(count))
    shape = (frames, 1, height, width) if network.dims == 2 else (1, 1, frames, height, width)
    parameter = next(network.parameters())
    was_training = network.training
    network.eval()  # counting must not touch the BatchNorm statistics
    with torch.no_grad():
        network(torch.zeros(shape, device=parameter.device, dtype=parameter.dtype))
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    return total


def generate(network: EncoderDecoder, noise: Tensor) -> tuple[Tensor, Tensor | None]:
    """Pictures (N, 3, H, W) and flow (N, 12, H, W) or None of N noise maps (N, 1, H, W), by a 2D or a 3D network.

    The 3D network takes the N frames as its third dimension (the supplement's section 2).
    """
    if network.dims == 2:
        return network(noise)
    picture, _ = network(noise.transpose(0, 1)[None])
    return picture[0].transpose(0, 1), None
