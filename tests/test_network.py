"""The networks are the supplement's, layer by layer."""

import numpy as np
import pytest
import torch
from torch import nn

from ilvi_core.network import (
    EncoderDecoder,
    flow_channel,
    forward_flops,
    generate,
    padded_size,
)

ENCODER = [16, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128]
DECODER = [132, 128, 132, 128, 132, 128, 68, 64, 36, 32, 20, 16]


def convolutions(module):
    return [m for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Conv3d))]


@pytest.mark.parametrize("dims", [2, 3])
def test_widths_filters_and_strides_are_the_supplements(dims):
    network = EncoderDecoder(dims)
    encoder, decoder, skips = (convolutions(m) for m in (network.encoder, network.decoder, network.skips))
    assert [c.out_channels for c in encoder] == ENCODER
    assert [c.out_channels for c in decoder] == DECODER
    assert [c.out_channels for c in skips] == [4] * 6
    assert [c.in_channels for c in skips] == [1, 16, 32, 64, 128, 128]
    assert [c.in_channels for c in decoder] == [132, 132, 132, 132, 132, 132, 132, 68, 68, 36, 36, 20]
    depth = () if dims == 2 else (3,)
    still = () if dims == 2 else (1,)
    assert [c.kernel_size for c in encoder] == [(*depth, 5, 5)] * 12
    assert [c.stride for c in encoder] == [(*still, 2, 2), (*still, 1, 1)] * 6
    assert [c.kernel_size for c in decoder] == [(*depth, 3, 3)] * 12
    assert [c.stride for c in decoder] == [(*still, 1, 1)] * 12
    assert [c.kernel_size for c in skips] == [(*still, 1, 1)] * 6


@pytest.mark.parametrize("dims", [2, 3])
def test_every_convolution_but_the_final_ones_is_normalised_and_leaky(dims):
    network = EncoderDecoder(dims, flow=dims == 2)
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    leaks = [m for m in network.modules() if isinstance(m, nn.LeakyReLU)]
    assert len(norms) == len(leaks) == 12 + 12 + 6
    assert {leak.negative_slope for leak in leaks} == {0.2}
    assert network.picture.out_channels == 3
    if dims == 2:
        assert network.flow.out_channels == 12


def test_each_skip_joins_the_decoder_block_of_its_own_resolution():
    network = EncoderDecoder(2).eval()
    seen = []
    for block in network.decoder:
        block.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape[2:])))
    skips = []
    for skip in network.skips:
        skip.register_forward_hook(lambda module, inputs, output: skips.append(tuple(output.shape[2:])))
    network(torch.rand(1, 1, 192, 384))
    assert seen == [(6, 12), (12, 24), (24, 48), (48, 96), (96, 192), (192, 384)]
    assert skips == seen  # made in the order in which the decoder takes them


def test_skip_of_the_first_block_carries_the_noise_itself():
    network = EncoderDecoder(2).eval()
    seen = []
    network.skips[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    noise = torch.rand(1, 1, 128, 128)
    network(noise)
    assert torch.equal(seen[0], noise)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(192, 384, (192, 384)), (1, 1, (128, 128)), (129, 65, (192, 128)), (64, 700, (128, 704))],
)
def test_padded_size_is_a_multiple_of_64_with_four_pixels_at_the_bottom(height, width, expected):
    assert padded_size(height, width) == expected


@pytest.mark.parametrize(("dims", "frames"), [(2, 1), (2, 3), (3, 1), (3, 5)])
def test_shapes_and_ranges_in_training_down_to_a_two_pixel_feature_map(dims, frames):
    torch.manual_seed(0)
    network = EncoderDecoder(dims, flow=dims == 2).train()
    picture, flow = generate(network, torch.rand(frames, 1, 128, 192) * 0.1)
    assert picture.shape == (frames, 3, 128, 192)
    assert 0 <= picture.min() < picture.max() <= 1
    if dims == 2:
        assert flow.shape == (frames, 12, 128, 192)
        assert flow.min() < 0 < flow.max()  # linear, not squashed
    else:
        assert flow is None


def test_flow_channels_are_ranges_in_order_forward_then_backward():
    assert [flow_channel(n, back) for back in (False, True) for n in range(3)] == [0, 2, 4, 6, 8, 10]


def test_flow_beside_a_3d_network_is_refused():
    with pytest.raises(ValueError, match="not in the paper"):
        EncoderDecoder(3, flow=True)


@pytest.mark.parametrize(("chosen", "gain"), [({}, 1), ({"initialisation": "he"}, (2 / (1 + 0.2**2)) ** 0.5)])
def test_initialisation_is_lecuns_or_hes_for_leaky_relu(chosen, gain):
    torch.manual_seed(0)
    network = EncoderDecoder(2, flow=True, **chosen)
    for convolution in convolutions(network):
        fan_in = convolution.weight[0].numel()
        if convolution.weight.numel() > 5000:
            assert convolution.weight.std().item() == pytest.approx(gain * fan_in**-0.5, rel=0.05)
            assert convolution.weight.abs().max() > 3 * gain * fan_in**-0.5  # normal, not uniform
        if convolution.bias is not None:
            assert not convolution.bias.any()


@pytest.mark.parametrize("dims", [2, 3])
def test_uniform_initialisation_is_pytorchs_own_for_convolutions(dims):
    torch.manual_seed(0)
    network = EncoderDecoder(dims, initialisation="uniform")
    for convolution in convolutions(network):
        bound = convolution.weight[0].numel() ** -0.5  # kaiming_uniform_ with a = 5^1/2 comes to this
        assert convolution.weight.abs().max() <= bound
        if convolution.weight.numel() > 5000:
            assert convolution.weight.abs().max() > 0.99 * bound
            assert convolution.weight.std().item() == pytest.approx(bound * 3**-0.5, rel=0.05)
        if convolution.bias is not None:
            assert 0 < convolution.bias.abs().max() <= bound


def test_an_unknown_initialisation_is_refused():
    with pytest.raises(KeyError):
        EncoderDecoder(2, initialisation="xavier")


def test_3d_stride_and_upsampling_leave_the_number_of_frames_alone():
    network = EncoderDecoder(3).eval()
    shapes = [tuple(f.shape[2:]) for f in network.encode(torch.rand(1, 1, 5, 128, 128))]
    assert shapes == [(5, 128 >> n, 128 >> n) for n in range(7)]


def test_flops_by_count_are_the_issues_and_counting_changes_nothing():
    network = EncoderDecoder(2, flow=True).train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    # forward + backward = 3 forwards; batch 5 at the paper's size: about 96 GFLOP with everything, 92 convolutions only
    assert 3 * forward_flops(network, 5, 192, 384) == pytest.approx(92e9, rel=0.02)
    assert network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_flops_by_hand_for_one_layer_of_each_kind():
    network = EncoderDecoder(2)
    height = width = 128
    total, size = 0, height * width
    inside = 1
    for n, width_out in enumerate(ENCODER):
        if n % 2 == 0:
            total += 4 * inside * size  # the skip, at the block's input
            size //= 4
        total += inside * width_out * 25 * size
        inside = width_out
    for n, width_out in enumerate(DECODER):
        if n % 2 == 0:
            size *= 4
            inside += 4
        total += inside * width_out * 9 * size
        inside = width_out
    total += inside * 3 * size
    assert forward_flops(network, 2, height, height) == 2 * 2 * total


def test_generate_in_3d_keeps_the_frames_order():
    torch.manual_seed(1)
    network = EncoderDecoder(3).eval()
    noise = torch.rand(3, 1, 128, 128)
    picture, _ = generate(network, noise)
    direct, _ = network(noise.permute(1, 0, 2, 3)[None])
    for n in range(3):
        np.testing.assert_array_equal(picture[n].detach().numpy(), direct[0, :, n].detach().numpy())
