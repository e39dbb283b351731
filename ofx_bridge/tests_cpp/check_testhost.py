"""Checks the test host alone: builds it with sanitizers and runs it on a tiny effect that can be made to sin.

python ofx_bridge/tests_cpp/check_testhost.py [BUILD] [--compiler clang++] [--sanitize address,undefined | thread]
Needs CMake, a compiler, nlohmann-json and numpy. Exit code 0: every check holds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BRIDGE = Path(__file__).resolve().parent.parent
FRAMES, HEIGHT, WIDTH = 5, 48, 60

# PASSTHROUGH_SIN -> words of the violation that it must bring up.
SINS = {
    "unknown_suite": "which does not exist",
    "fetch_early": "where nothing may be called",
    "unknown_property": "no such property",
    "wrong_type": "of type string",
    "bad_index": "index 1 of 1",
    "bad_value": "none of its values",
    "null_handle": "a NULL handle",
    "define_early": "clipDefine outside DescribeInContext",
    "define_twice": "twice",
    "late_definition": "a definition is used after describe",
    "unknown_param": "no parameter is called amonut",
    "value_in_render": "use paramGetValueAtTime",
    "set_in_render": "not legal in this action",
    "leak_image": "was not released",
    "release_twice": "twice",
    "leak_memory": "was not freed before",
    "early_fetch": "which GetFramesNeeded did not name",
    "write_source": "were written to",
    "hold_back": "were not written",
    "own_thread": "outside every action",
    "throw": "an exception left the plugin",
    "pad": "padding between the rows",
    "beyond_window": "outside the render window",
    "untrapped": "must be trapped",
    "unknown_action": "an unknown action is answered",
    "open_progress": "progressStart without progressEnd",
}


class Host:
    """A build of the host, and a folder of frames for it."""

    def __init__(self, build, data):
        self.build, self.data = build, data
        random = np.random.default_rng(7)
        for frame in range(1, FRAMES + 1):
            plate = random.random((HEIGHT, WIDTH, 4), np.float32) * 1.5 - 0.2
            plate[0, 0, 0] = np.nan
            codes = random.integers(0, 256, (HEIGHT, WIDTH, 4)).astype(np.float32) / np.float32(255)
            matte = np.zeros((HEIGHT, WIDTH), np.float32)
            matte[10:30, 10 + frame : 25 + frame] = 1
            np.save(data / f"plate.{frame:04d}.npy", plate)
            np.save(data / f"codes.{frame:04d}.npy", codes)
            np.save(data / f"matte.{frame:04d}.npy", matte)

    def run(self, lines, sin=""):
        """-> exit code, answers, standard error."""
        text = "\n".join(lines).replace("DATA", str(self.data))
        environment = dict(os.environ, PASSTHROUGH_SIN=sin, ASAN_OPTIONS="detect_leaks=1")
        command = [self.build / "ilvi_testhost"]
        done = subprocess.run(
            command, input=text, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def load(self, *before, plate="plate", depth="float", components="rgba", matte=True, options=""):
        clip = f"clip Source npy=DATA/{plate}.%04d.npy first=1 last={FRAMES} depth={depth} components={components}"
        clip += f" {options}"
        mask = f"clip Mask npy=DATA/matte.%04d.npy first=1 last={FRAMES}" if matte else "clip Mask absent"
        return [*before, f"load {self.build}/passthrough.ofx", "context Filter", clip, mask]

    def frame(self, name, number):
        return np.load(self.data / f"{name}.{number:04d}.npy")


def expected(host, number, plate="plate", matte=True):
    """What the effect makes of a frame: colours inverted where the matte is, everywhere without one."""
    image = host.frame(plate, number).copy()
    hole = host.frame("matte", number) > 0 if matte else np.ones((HEIGHT, WIDTH), bool)
    image[..., :3][hole] = np.float32(1) - image[..., :3][hole]
    return image


def check_clean(host):
    """A full session without a violation; pixels bit for bit; parameters, saving and restoring."""
    code, answers, errors = host.run(
        [
            *host.load(),
            "describe",
            "set amount 0.5",
            "set amount@3 0.25",
            "set view matte",
            "get amount time=3",
            "press analyse",
            "render first=1 last=5 out=DATA/out.%04d.npy",
            "save DATA/saved.json",
            "restore DATA/saved.json",
            "params",
            "copy second",
            "select main",
            "edit begin",
            "edit end",
            "purge",
            "time 3",
            "action com.example.Anything",
            "destroy",
            "unload",
        ]
    )
    assert code == 0, errors
    by_name = {answer["command"]: answer for answer in answers}
    assert by_name["params"]["values"] == {"amount": 0.5, "frames": 0, "count": 5, "secret": 'entry "1"', "view": 1}
    assert by_name["get"]["value"] == 0.25
    assert by_name["describe"]["params"]["amount"]["OfxParamPropMax"] == 1.0
    press = [event["event"] for event in by_name["press"]["events"]]
    assert press == ["progressStart", *["progressUpdate"] * 5, "progressEnd", "message", "param", "param"], press
    for number in range(1, FRAMES + 1):
        assert np.array_equal(host.frame("out", number).view(np.uint32), expected(host, number).view(np.uint32)), number


def check_formats(host):
    """Every depth and components comes back exactly where it can."""
    for depth in ("byte", "short", "half", "float"):
        for components, channels in (("rgba", 4), ("rgb", 3), ("alpha", 1)):
            lines = host.load(plate="codes", depth=depth, components=components)
            code, _, errors = host.run([*lines, "set amount 0", "render frame=2 out=DATA/out.%04d.npy"])
            assert code == 0, errors
            source = host.frame("codes", 2)
            source = source[..., 3:] if channels == 1 else source[..., :channels]
            if depth == "half":
                source = source.astype(np.float16).astype(np.float32)
            difference = np.abs(host.frame("out", 2) - source).max()
            assert difference == 0 or (depth == "short" and difference < 1e-5), (depth, components, difference)


def check_misbehaviour(host):
    """The well-behaved effect gives the same picture in every host that misbehaves in ways it can bear."""
    bearable = [
        "negative_rows",
        "padding=12",
        "tiles=16",
        "offset_bounds=-7,12",
        "new_instance_per_frame",
        "double_destroy",
        "concurrent_renders=3",
        "sequence_per_frame",
        "no_sequence",
        "no_identity",
        "no_frames_needed",
        "render_thread",
        "actions_in_fetch",
        "unknown_actions",
        "random_identifier",
        "load_twice",
        "context_from_host",
        "no_contexts",
        "no_set_host",
        "no_file_path",
        "bare_instance",
        "no_message_suite",
        "missing_suite=OfxProgressSuite",
        "message_v2_broken",
        "message_v2_aborts",
        "panicking_stubs=OfxMemorySuite",
        "serial_threads",
        "custom_unwritten",
        "timeline_unsupported",
        "scale_disagrees",
        "missing_property=clip:OfxImageEffectPropFrameRate",
    ]
    everything = "misbehave " + " ".join(
        ("negative_rows", "padding=12", "tiles=16", "offset_bounds=5,-3", "new_instance_per_frame")
    )
    for lines in [*(["misbehave " + name] for name in bearable), [everything]]:
        code, answers, errors = host.run([*host.load(*lines), "render first=1 last=4 out=DATA/out.%04d.npy"])
        assert code == 0, (lines, errors)
        for number in range(1, 5):
            assert np.array_equal(host.frame("out", number), expected(host, number), equal_nan=True), (lines, number)
    for name in ("mlt", "openfx-runner", "resolve", "fusion", "nuke", "natron"):
        code, answers, errors = host.run(
            [*host.load(f"host {name}"), "describe", "press analyse", "render first=1 last=4 out=DATA/out.%04d.npy"]
        )
        assert code == 0, (name, errors)
        assert np.array_equal(host.frame("out", 3), expected(host, 3), equal_nan=True), name
        assert ("OfxPropAPIVersion" in answers[5]["host"]) == (name != "fusion")


def check_absent_matte(host):
    """Hosts that lie about an unconnected clip: no matte, black, or no data."""
    for lie in (
        "null_data_ok",
        "connected_lies",
        "connected_lies=black",
        "connected_lies=null",
        "connected_lies=empty",
        "null_data_ok connected_lies=black",
    ):
        lines = host.load("misbehave " + lie, matte=False)
        code, answers, errors = host.run([*lines, "create", "render frame=1 out=DATA/out.%04d.npy"])
        assert code == 0, (lie, errors)
        says = answers[-2]["clips"]["Mask"]["OfxImageClipPropConnected"]
        assert says == (1 if "connected_lies" in lie else 0), lie
        black = lie in ("connected_lies=black", "connected_lies=empty")  # data there, so the effect believes it
        picture = host.frame("plate", 1) if black else expected(host, 1, matte=False)
        assert np.array_equal(host.frame("out", 1), picture, equal_nan=True), lie


def check_renders(host):
    """Scale, windows, aborting, cancelling, time access, thumbnails."""
    code, answers, errors = host.run([*host.load(), "set amount 0", "render frame=1 scale=0.5 out=DATA/out.%04d.npy"])
    assert code == 0 and host.frame("out", 1).shape == (24, 30, 4), errors
    assert np.array_equal(
        host.frame("out", 1), host.frame("plate", 1)[0::2, 1::2]
    )  # sampled upwards from the bottom row
    code, answers, errors = host.run(
        [*host.load("misbehave tiles=1000"), "render frame=1 window=10,5,30,25 out=DATA/out.%04d.npy"]
    )
    assert code == 0, errors
    assert np.array_equal(host.frame("out", 1), expected(host, 1)[HEIGHT - 25 : HEIGHT - 5, 10:30])
    code, answers, errors = host.run([*host.load("misbehave abort_after=3"), "render frame=1 out=DATA/never.%04d.npy"])
    assert code == 0 and answers[-1]["frames"][0]["aborted"] and answers[-1]["frames"][0]["abort_polls"] == 3, errors
    assert not (host.data / "never.0001.npy").exists()
    code, answers, errors = host.run([*host.load("misbehave progress_cancel_after=2"), "press analyse", "get count"])
    assert code == 0 and answers[-1]["value"] == 1, errors
    code, answers, errors = host.run(
        [*host.load("misbehave no_temporal_access=fail"), "set frames 1", "render frame=2", "get frames"]
    )
    assert code == 0 and answers[-2]["frames"][0]["frames_needed"]["Source"] == [1, 3], errors
    code, answers, errors = host.run(
        [*host.load(options="par=2 origin=4,6"), "render frame=1 thumbnail=1 draft=1 interactive=1"]
    )
    assert code == 0 and answers[-1]["frames"][0]["rod"] == [4, 6, 4 + WIDTH, 6 + HEIGHT], errors
    code, answers, errors = host.run(
        [*host.load(), "set amount 7", "get amount", "misbehave no_instance_changed", "press analyse"]
    )
    assert code == 0 and answers[-3]["value"] == 1.0 and answers[-1]["status"] == "kOfxStatReplyDefault", errors


def check_sins(host):
    """Every mistake that the effect can make is told, and nothing else is."""
    for sin, words in SINS.items():
        before = ["misbehave padding=16"] if sin == "pad" else []
        window = " window=0,0,20,20" if sin == "beyond_window" else ""
        after = ["misbehave unknown_actions"] if sin == "unknown_action" else []
        code, answers, errors = host.run([*host.load(*before), *after, "press analyse", "render frame=2" + window], sin)
        assert code == 1 and words in errors, (sin, code, errors)
        assert (
            any(words in violation for answer in answers for violation in answer["violations"]) or sin == "leak_memory"
        ), sin


def check_script(host):
    """A command that cannot be carried out is answered with an error, and the exit code is 2."""
    for line in (
        "nonsense",
        "set nothing 1",
        "render frame=1 colour=red",
        "clip Source npy=/no/such.%04d.npy",
        "misbehave kindly",
        "context Paint",
        "press amount",
        "set amount many",
        "clip Other npy=DATA/plate.%04d.npy",
        "render frame=1 window=0,0",
    ):
        code, answers, _ = host.run([*host.load(), line, "params"])
        told = [answer for answer in answers if "error" in answer]
        assert code == 2 and told, (line, code, answers)
    code, answers, _errors = host.run([*host.load(matte=False)[:2], "clip Source absent", "render frame=1"])
    assert code == 2 and "not connected" in answers[-1]["error"], answers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", nargs="?", help="a folder to keep the build in")
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--sanitize", default="address,undefined")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        build = Path(options.build or f"{folder}/build").resolve()
        flags = f"-fsanitize={options.sanitize} -fno-sanitize-recover=all"
        subprocess.run(
            [
                "cmake",
                "-S",
                BRIDGE / "testhost",
                "-B",
                build,
                f"-DCMAKE_CXX_COMPILER={options.compiler}",
                "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                f"-DCMAKE_CXX_FLAGS={flags}",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        subprocess.run(["cmake", "--build", build, "-j1"], check=True, stdout=subprocess.DEVNULL)
        data = Path(folder) / "data"
        data.mkdir()
        host = Host(build, data)
        for check in (
            check_clean,
            check_formats,
            check_misbehaviour,
            check_absent_matte,
            check_renders,
            check_sins,
            check_script,
        ):
            check(host)


if __name__ == "__main__":
    sys.exit(main())
