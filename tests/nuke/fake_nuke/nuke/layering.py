"""Layers and channels: https://learn.foundry.com/nuke/developers/160/pythondevguide/channels.html"""

from __future__ import annotations

from .core import api, guard, host, need

RGBA = ["rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"]
SHORT = {"red": RGBA[0], "green": RGBA[1], "blue": RGBA[2], "alpha": RGBA[3]}
DEFAULT_LAYERS = {
    "rgb": RGBA[:3],
    "rgba": RGBA,
    "alpha": RGBA[3:],
    "depth": ["depth.Z"],
    "motion": ["forward.u", "forward.v", "backward.u", "backward.v"],
    "forward": ["forward.u", "forward.v"],
    "backward": ["backward.u", "backward.v"],
    "mask": ["mask.a"],
    "rotopaint_mask": ["rotopaint_mask.a"],
}


def known(channel: str) -> bool:
    return any(channel in channels for channels in host.layers.values())


def add(layer: str, channels: list) -> None:
    have = host.layers.setdefault(layer, [])
    have.extend(channel for channel in channels if channel not in have)


def resolve(text: str, available=None) -> list:
    """The channels that the text of a channel knob names; "all" is what is available."""
    found: list = []
    for word in text.split():
        if word == "none" or word.startswith("-"):
            continue
        if word == "all":
            more = list(available or [])
        elif word in SHORT:
            more = [SHORT[word]]
        elif word in host.layers:
            more = host.layers[word]
        elif known(word):
            more = [word]
        else:
            raise ValueError(f"there is no channel {word!r}")  # the fake is stricter than Nuke here (unverified)
        found.extend(channel for channel in more if channel not in found)
    return found


@api
class Layer:
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.Layer.html: Layer(name,
    channels).
    """

    def __init__(self, name, channels=None):
        self._name = need(name, str, "Layer: the name")
        if channels is None:
            if name not in host.layers:
                raise ValueError(f"there is no layer {name!r}")
            return
        full = []
        for channel in need(channels, (list, tuple), "Layer: the channels"):
            need(channel, str, "Layer: a channel")
            layer, dot, _rest = channel.rpartition(".")
            if dot and layer != name:
                raise ValueError(f"Layer({name!r}): the channel {channel!r} is of another layer")
            full.append(channel if dot else f"{name}.{channel}")
        add(name, full)

    def name(self):
        return self._name

    def channels(self):
        return list(host.layers[self._name])


@guard
def layers(node=None):
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.layers.html: names, of a node or
    all.
    """
    if node is None:
        return list(host.layers)
    return list(dict.fromkeys(channel.partition(".")[0] for channel in node.channels()))


@guard
def channels(node=None):
    """https://learn.foundry.com/nuke/developers/160/pythondevguide/_autosummary/nuke.channels.html"""
    if node is not None:
        return node.channels()
    return list(dict.fromkeys(channel for names in host.layers.values() for channel in names))
