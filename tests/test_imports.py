"""Who may import whom: the README's map of the house, held by reading the source."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Lowest first. A module imports only from layers below its own, at its top or inside a function; modules that stand in
# one layer are strangers to each other. A new module has to be given its place here.
LAYERS = (
    ("host.errors",),
    ("host.checks", "host.split"),
    ("host.job", "host.protocol", "host.places"),
    ("host.process", "host.worker_log", "host.run", "host.parameters"),
    ("host.pipes", "host.requests"),
    ("host.session",),
    ("host.client",),
    ("host",),
    ("__init__", "report", "printing", "npy", "evaluate", "evaluate.metrics", "heartbeat", "holder"),
    (
        "color",
        "smooth",
        "sheet",
        "exr_check",
        "demo_canvas",
        "pictures",
        "weights",
        "device",
        "settings",
        "memory",
        "lease",
        "files",
        "evaluate.consistency",
        "evaluate.seam",
        "evaluate.figures",
        "evaluate.scenes",
    ),
    ("exr", "movies", "demo_layers", "perceptual", "raft", "region", "flowstore", "evaluate.fid"),
    ("evaluate.provenance",),
    ("entry",),
    ("stills", "demo"),
    ("patterns",),
    ("images",),
    ("matte", "pairing"),
    ("reading", "digests", "flow", "grain", "aov", "full_plates"),
    ("clip",),
    ("fuse", "complete"),
    ("propagate",),
    ("direct", "full_size"),
    ("gather",),
    ("remainder", "exemplar", "held_out"),
    ("donors",),
    ("warp", "evaluate.warping", "evaluate.complexity", "evaluate.composed", "evaluate.peers"),
    ("evaluate.measure",),
    ("losses",),
    ("network",),
    ("average",),
    ("methods",),
    ("asked", "kept", "shelf"),
    ("cache", "warm"),
    ("schedule",),
    ("window",),
    ("objective",),
    ("filling",),
    ("train",),
    ("learned",),
    ("rest",),
    ("work",),
    ("solve",),
    ("infer", "hybrid"),
    ("composite", "evaluate.features"),
    ("evaluate.store",),
    ("evaluate.suite", "evaluate.inception", "evaluate.watch", "evaluate.quiet"),
    ("evaluate.suite_file", "evaluate.results", "evaluate.footage"),
    ("shot",),
    ("previews", "writing", "arrays", "inspection"),
    ("solving", "finish"),
    ("beside",),
    ("caching",),
    ("joined", "outbox", "request"),
    ("pipeline", "farm"),
    ("session", "in_worker"),
    ("worker",),
    ("bench", "driver", "selftest", "installation"),
    ("doctor", "console", "evaluate.trial", "evaluate.speed", "cache_commands"),
    ("showcase", "evaluate.ours", "machine"),
    ("evaluate.record",),
    ("evaluate.run",),
    ("evaluate.tables", "evaluate.players"),
    ("evaluate.charts",),
    ("evaluate.report", "evaluate.summary"),
    ("commands",),
    ("cli", "__main__"),
)
# `import ilvi_core` gives `inpaint` when it is first asked for
ALLOWED_UPWARDS = {("__init__", "arrays")}
LAYER_OF = {name: number for number, layer in enumerate(LAYERS) for name in layer}


def module_name(path: Path, package: Path) -> str:
    parts = path.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imported(path: Path) -> set[str]:
    """The full names of every module that a file imports, at its top or anywhere inside it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who imports whom"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if is_module(inner) else str(node.module))
    return found


def is_module(name: str) -> bool:
    at = ROOT.joinpath(*name.split("."))
    return at.with_suffix(".py").is_file() or (at / "__init__.py").is_file()


def modules() -> dict[str, Path]:
    package = ROOT / "ilvi_core"
    return {module_name(path, package): path for path in sorted(package.rglob("*.py"))}


def own_part(name: str) -> str | None:
    """`ilvi_core.host.job` -> `host.job`; None for what is not ours."""
    top, _, rest = name.partition(".")
    return (rest or "__init__") if top == "ilvi_core" else None


def test_every_module_has_its_place() -> None:
    here = set(modules())
    assert here - set(LAYER_OF) == set(), "give these a layer in tests/test_imports.py"
    assert set(LAYER_OF) - here <= {"__main__"}, "these are gone; take them out of LAYERS"
    assert sum(map(len, LAYERS)) == len(LAYER_OF), "a module stands in two layers"


@pytest.mark.parametrize("name", modules())
def test_imports_never_go_upwards(name: str) -> None:
    for target in filter(None, map(own_part, imported(modules()[name]))):
        if (name, target) not in ALLOWED_UPWARDS:
            assert LAYER_OF[target] < LAYER_OF[name], f"{name} imports {target}, which is not below it"


def test_the_host_part_needs_the_standard_library_alone() -> None:
    for name, path in modules().items():
        if name.split(".")[0] == "host":
            for target in imported(path):
                assert_host_or_standard(target, path, ())


@pytest.mark.parametrize(
    ("package", "extra"),
    [("nuke_plugin", ("nuke", "ilvi_nuke")), ("ofx_bridge", ())],
)
def test_front_ends_import_the_host_part_alone(package: str, extra: tuple[str, ...]) -> None:
    assert (ROOT / package).is_dir()
    for path in sorted((ROOT / package).rglob("*.py")):
        if {"tests_cpp", "testhost"} & set(path.parts):  # no part of the package
            continue
        for target in imported(path):
            assert_host_or_standard(target, path, (*extra, package))


def assert_host_or_standard(target: str, path: Path, extra: tuple[str, ...]) -> None:
    top = target.partition(".")[0]
    own = own_part(target)
    if own is not None:
        assert own.split(".")[0] == "host", f"{path} imports {target}"
    else:
        assert top in sys.stdlib_module_names or top in extra, f"{path} imports {target}"


@pytest.mark.parametrize(
    "statement",
    [
        "import ilvi_core",
        "import ilvi_core.host.job",
        "from ilvi_core.host import WorkerClient, Job, find_worker",
        "import ilvi_core.cli",
        "from ilvi_core import cli",
    ],
)
def test_cheap_imports(statement: str) -> None:
    """Neither torch nor numpy, nor what would load them, is there after it."""
    heavy = ("torch", "torchvision", "numpy", "cv2", "av", "OpenImageIO", "OpenEXR", "safetensors")
    code = f"import sys; {statement}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_hosts_part_is_quick_to_import() -> None:
    """Under 50 ms, by the best of a few: a host imports it while the artist waits for the menu."""
    command = [sys.executable, "-X", "importtime", "-c", "import ilvi_core.host"]
    took = []
    for _ in range(5):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        took.append(int(done.stderr.splitlines()[-1].split("|")[1]) / 1000)
        assert "numpy" not in done.stderr
        assert "torch" not in done.stderr
    assert min(took) < 50


def test_the_checker_sees_imports_inside_functions(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("import os.path\ndef f():\n    from ilvi_core import clip, __version__\n    import torch.nn\n")
    assert imported(path) == {"os.path", "ilvi_core.clip", "ilvi_core", "torch.nn"}
