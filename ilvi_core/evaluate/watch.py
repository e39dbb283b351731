"""Looks at the networks while they learn: frames and flow at stages (Fig. 8), encoder features (Fig. 9), scores."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ilvi_core.device import synchronise
from ilvi_core.evaluate.composed import Composed
from ilvi_core.evaluate.features import encoder_features, near_frames
from ilvi_core.evaluate.metrics import video_psnr
from ilvi_core.evaluate.store import FEATURES, read_arrays, result_of, write_arrays
from ilvi_core.files import make_folders, publish
from ilvi_core.filling import tiles, undisturbed
from ilvi_core.network import flow_channel, generate
from ilvi_core.schedule import Schedule
from ilvi_core.solve import Solved
from ilvi_core.train import Trainer

SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)  # of the updates: when the networks are looked at
PHASES = "phases.json"
FEWEST = 10  # updates before the first look


class Looker:
    """A `solve.Watch` that keeps what it sees in the run's folder, so that a run that goes on has it too.

    count: frames of the clip; their numbers begin at 1.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._looks, self._count = folder, folder / "looks", count
        self._middle = count // 2
        self._solved: Solved | None = None
        make_folders(self._looks)

    def begun(self, solved: Solved) -> None:
        """What is filled in while it is solved."""
        self._solved = solved

    def after(self, trainer: Trainer) -> None:
        """A look at each stage; of several at the same update one is enough."""
        marks = stage_marks(trainer.schedule)
        if trainer.state.update in marks:
            synchronise(trainer.device)  # what is still being computed is training
            began = time.monotonic()
            stage = marks.index(trainer.state.update)
            pictures, flow = glimpse(trainer)
            self._keep(f"{stage}-{trainer.window.frames[0]}", trainer, pictures, flow)
            trainer.paused += time.monotonic() - began

    def trained(self, trainer: Trainer) -> None:
        """The end: what was done, the last flow, and the features where the clip's middle is in this window."""
        frames = trainer.window.frames
        record = {"frames": [frames[0], frames[-1]], "updates": trainer.state.update, "seconds": trainer.state.seconds}
        publish(self._looks / f"end-{frames[0]}.json", json.dumps(record).encode())
        if self._middle + 1 in frames:
            _, flow = glimpse(trainer)
            if flow is not None:
                write_arrays(self._looks / "flow.npz", {"flow": flow[self._middle + 1 - frames[0]]})
            near, middle = near_frames(len(frames))
            found = encoder_features(trainer.network, trainer.window, near, trainer.schedule.size)
            shifted = {"frames": np.array(near) + frames[0] - 1, "middle": np.array(middle)}
            write_arrays(self._folder / FEATURES, {**found, **shifted})

    def seconds(self) -> dict[str, float]:
        """By phase, of all networks and of every process that was at it."""
        return {**self._phases(), "train": float(sum(end["seconds"] for end in self._ends()))}

    def close(self) -> None:
        """Remember what this process spent beside training, which its checkpoints know."""
        if self._solved is not None:
            spent = self._phases()
            for phase, seconds in self._solved.seconds.items():
                if phase != "train":
                    spent[phase] = spent.get(phase, 0.0) + seconds
            publish(self._folder / PHASES, json.dumps(spent).encode())

    def _phases(self) -> dict[str, float]:
        path = self._folder / PHASES
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}

    def updates(self) -> int:
        """Of all networks."""
        return int(sum(end["updates"] for end in self._ends()))

    def stages(self, clip: Composed, edge: bool) -> list[dict[str, float]]:
        """The scores of the whole clip at each stage that every network has reached, before the end."""
        found = []
        for pictures, updates, seconds in self._complete():
            result = result_of(clip, pictures, edge)
            found.append(
                {
                    "updates": updates,
                    "seconds": seconds,
                    "psnr": video_psnr(result, clip.truth),
                    "psnr_hole": video_psnr(result, clip.truth, clip.holes),
                    "psnr_known": video_psnr(pictures, clip.truth, ~clip.holes),
                }
            )
        return found

    def middle_frame(self, fills: np.ndarray) -> dict[str, Any]:
        """The clip's middle frame at each stage and at the end, with its flow: stages.npz."""
        looks = self._of_middle()
        ends = (e for e in self._ends() if e["frames"][0] <= self._middle + 1 <= e["frames"][1])
        # where no network was needed the fill is there at once
        end = next(ends, {"updates": 0, "seconds": sum(self.seconds().values())})
        pictures = [*(look["picture"] for look in looks), fills[self._middle]]
        found: dict[str, Any] = {
            "frame": np.array(self._middle),
            "updates": np.array([*(int(look["updates"]) for look in looks), end["updates"]]),
            "seconds": np.array([*(float(look["seconds"]) for look in looks), end["seconds"]]),
            "pictures": np.round(np.clip(np.stack(pictures), 0, 1) * 255).astype(np.uint8),
        }
        last = read_arrays(self._looks / "flow.npz")
        if last is not None and all("flow" in look for look in looks):
            found["flow"] = np.stack([*(look["flow"] for look in looks), last["flow"]]).astype(np.float16)
        return found

    def _keep(self, name: str, trainer: Trainer, pictures: np.ndarray, flow: np.ndarray | None) -> None:
        frames, state = trainer.window.frames, trainer.state
        arrays: dict[str, Any] = {
            "first": np.array(frames[0]),
            "pictures": pictures.astype(np.float16),
            "updates": np.array(state.update),
            "seconds": np.array(state.seconds),
        }
        if flow is not None and self._middle + 1 in frames:
            arrays["flow"] = flow[self._middle + 1 - frames[0]].astype(np.float16)
        write_arrays(self._looks / f"{name}.npz", arrays)

    def _ends(self) -> list[dict[str, Any]]:
        ends = [json.loads(path.read_text(encoding="utf-8")) for path in self._looks.glob("end-*.json")]
        return sorted(ends, key=lambda end: end["frames"][0])

    def _of_stage(self, stage: int) -> list[dict[str, np.ndarray]]:
        looks = [read_arrays(path) for path in self._looks.glob(f"{stage}-*.npz")]
        return sorted((look for look in looks if look is not None), key=lambda look: int(look["first"]))

    def _complete(self) -> list[tuple[np.ndarray, int, float]]:
        """Pictures of the whole clip, updates and seconds of all networks, for each stage that is whole."""
        found = []
        for stage in range(len(SHARES)):
            looks = self._of_stage(stage)
            if sum(len(look["pictures"]) for look in looks) == self._count:
                pictures = np.concatenate([look["pictures"] for look in looks]).astype(np.float32)
                updates, seconds = sum(int(k["updates"]) for k in looks), sum(float(k["seconds"]) for k in looks)
                found.append((pictures, updates, seconds))
        return found

    def _of_middle(self) -> list[dict[str, np.ndarray]]:
        """The looks that have the clip's middle frame, stage by stage, and that frame as their `picture`."""
        found = []
        for stage in range(len(SHARES)):
            for look in self._of_stage(stage):
                place = self._middle + 1 - int(look["first"])
                if 0 <= place < len(look["pictures"]):
                    found.append({**look, "picture": look["pictures"][place].astype(np.float32)})
        return found


def stage_marks(schedule: Schedule) -> list[int]:
    """The updates after which a network is looked at, rising; none at the end, which is looked at anyway."""
    marks = [max(FEWEST, round(schedule.total * share)) for share in SHARES]
    return [mark if mark < schedule.total and mark not in marks[:n] else -1 for n, mark in enumerate(marks)]


@torch.no_grad()
def glimpse(trainer: Trainer) -> tuple[np.ndarray, np.ndarray | None]:
    """What the network generates now for all frames of its window, in the middle of training, which is not disturbed.

    Pictures (T, h, w, 3) float32, and the forward flow of range 1, (T, h, w, 2) px, or None. In training BatchNorm
    takes each batch's own statistics; a settled network (in eval mode) takes the settled ones.
    """
    network, window = trainer.network, trainer.window
    height, width = window.size
    pictures = np.empty((len(window.frames), height, width, 3), np.float32)
    flow = None
    for tile in tiles(len(window.frames), trainer.schedule.size):
        place = slice(tile.start, tile.stop)
        autocast = torch.autocast(trainer.device.type, trainer.autocast, enabled=trainer.autocast is not None)
        with undisturbed(network), autocast:
            picture, branch = generate(network, window.noise[place])
        pictures[place] = window.crop(picture).permute(0, 2, 3, 1).float().cpu().numpy()
        if branch is not None and (1, False) in window.flows:
            channel, scale = flow_channel(0, False), window.flows[1, False].scale
            part = window.crop(branch[:, channel : channel + 2]).permute(0, 2, 3, 1).float().cpu().numpy() * scale
            flow = np.zeros((*pictures.shape[:3], 2), np.float32) if flow is None else flow
            flow[place] = part
    return pictures, flow
