"""Weight files on this machine: import, check, find; only `download` ever touches the network.

ILVI needs none of them: without VGG16 the perceptual loss is off, without RAFT the flow is OpenCV's DIS, and
`missing_sentence` says so for the result's metadata. The folder holds the files, `index.json` (what was imported,
written by `import_file` alone) and `checked.json` (size, mtime and hash of the last check; losing it costs a re-hash).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.client
import json
import os
import shutil
import tempfile
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from ilvi_core.host.errors import IlviError, InputError

if TYPE_CHECKING:
    import torch

# torchvision's file names, its default first; the eight hex digits are how the file's SHA-256 begins.
KNOWN: dict[str, tuple[str, ...]] = {
    "vgg16": ("vgg16-397923af.pth",),
    "raft_large": (
        "raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        "raft_large_C_T_SKHT_V1-0b8c9e55.pth",
        "raft_large_C_T_V2-1bb1363a.pth",
        "raft_large_C_T_V1-22a6c225.pth",
        "raft_large_C_T_SKHT_K_V2-b5c70766.pth",
        "raft_large_C_T_SKHT_K_V1-4a6a5039.pth",
    ),
    "raft_small": ("raft_small_C_T_V2-01064c6d.pth", "raft_small_C_T_V1-ad48884c.pth"),
}
# Same names and shapes as VGG16, but made for another normalisation than ours: torchvision's IMAGENET1K_FEATURES.
UNUSABLE = ("vgg16_features-amdegroot-88682ab5.pth",)
URL = "https://download.pytorch.org/models/"
TIMEOUT_S = 20.0
_TITLE = {"vgg16": "VGG16", "raft_large": "RAFT (large)", "raft_small": "RAFT (small)"}
_DIS = "optical flow comes from OpenCV's DIS instead"
_AGAIN = "Import the file again with `ilvi weights import FILE`."
_INSTEAD = {"vgg16": "the perceptual loss is off", "raft_large": _DIS, "raft_small": _DIS}


@dataclass(frozen=True)
class WeightFile:
    """One imported file. damage: why it cannot be used, "" = whole."""

    kind: str  # vgg16, raft_large or raft_small
    file_name: str
    path: Path
    sha256: str  # of the file as it was imported, 64 hex digits
    known: bool  # the hash is that of a file torchvision publishes
    size: int  # bytes, as imported
    damage: str = ""


def weights_folder() -> Path:
    """Where the weight files live: $ILVI_WEIGHTS, else this user's data folder."""
    named = os.environ.get("ILVI_WEIGHTS", "")
    return Path(named).expanduser() if named else platformdirs.user_data_path("ilvi") / "weights"


def list_weights() -> list[WeightFile]:
    """Every imported file, oldest import first; damaged and vanished ones too, with `damage` set.

    A file is hashed again only when its size or modification time changed. Errors: InputError for a broken index.
    """
    folder = weights_folder()
    memo = _read_memo(folder)
    before = dict(memo)
    files = []
    for name, entry in _read_index(folder).items():
        kind, sha256, size = entry["kind"], entry["sha256"], entry["size"]
        damage = _damage(folder / name, sha256, size, memo)
        files.append(WeightFile(kind, name, folder / name, sha256, bool(_known_name(kind, sha256)), size, damage))
    if memo != before:
        with contextlib.suppress(OSError):  # a read-only share: this process remembers, the next one hashes again
            _write_json(folder / "checked.json", memo)
    return files


def find(kind: str) -> WeightFile | None:
    """The whole file of this kind that was imported last, or None."""
    _check_kind(kind)
    whole = [file for file in list_weights() if file.kind == kind and not file.damage]
    return whole[-1] if whole else None


def missing_sentence(kind: str) -> str:
    """What is missing and what happens instead, one sentence for a result's metadata; "" when nothing is missing."""
    _check_kind(kind)
    files = [file for file in list_weights() if file.kind == kind]
    if any(not file.damage for file in files):
        return ""
    if files:
        return f"The {_TITLE[kind]} weights {files[-1].file_name} are damaged ({files[-1].damage}): {_INSTEAD[kind]}."
    return f"No {_TITLE[kind]} weights are installed: {_INSTEAD[kind]}."


def import_file(path: str | os.PathLike[str], kind: str = "") -> WeightFile:
    """Check a state dict (.pth, .pt, .safetensors) and copy it into the folder; imported last, it is what `find` gives.

    kind: "" = found from the file.  Errors: InputError for a file that is damaged, is no state dict of `kind`, or
    bears a known name with another hash; IlviError when the folder cannot be written.
    """
    source = Path(path).expanduser()
    if kind:
        _check_kind(kind)
    if not source.is_file():
        raise InputError(f"There is no file {source}.", "Give the path of a .pth or .safetensors weight file.")
    folder = weights_folder()
    temporary = folder / f".tmp-{uuid.uuid4().hex}{source.suffix.lower()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # The copy is what gets checked: the source may change, or sit on a share that drops out, in between.
            sha256 = _sha256(source, temporary)
            kind = _identify(source.name, sha256, temporary, kind)
            name = _known_name(kind, sha256) or f"{kind}-{sha256[:8]}{temporary.suffix}"
            size = temporary.stat().st_size
            os.replace(temporary, folder / name)
        finally:
            temporary.unlink(missing_ok=True)
        index = _read_index(folder)
        index.pop(name, None)  # again at the end: the order is that of the imports
        index[name] = {"kind": kind, "sha256": sha256, "size": size}
        _write_json(folder / "index.json", {"version": 1, "files": index})
    except OSError as error:
        hint = "Check the disk and its permissions, or set ILVI_WEIGHTS to a folder you can write to."
        raise IlviError(f"{source.name} could not be copied into {folder}: {error}.", hint) from error
    return WeightFile(kind, name, folder / name, sha256, bool(_known_name(kind, sha256)), size)


def read_weights(file: WeightFile) -> dict[str, torch.Tensor]:
    """The tensors of an imported file, by torchvision's names, checked against its architecture. Errors: InputError."""
    _check_kind(file.kind)
    state = _read_state(file.path, file.file_name)
    if problem := _problem(state, file.kind):
        raise InputError(f"{file.file_name} is not usable: as {_TITLE[file.kind]} weights it {problem}.", _AGAIN)
    return state


def download(kind: str) -> WeightFile:
    """Fetch torchvision's default file of this kind, check its hash, import it. The only network access in ILVI.

    Errors: InputError when ILVI_OFFLINE is set; IlviError when the network fails.
    """
    _check_kind(kind)
    name = KNOWN[kind][0]
    hint = f"Fetch {URL}{name} on a connected machine and run `ilvi weights import FILE` here."
    if os.environ.get("ILVI_OFFLINE", "") not in ("", "0"):
        raise InputError(f"ILVI_OFFLINE is set, so {name} is not downloaded.", hint)
    with tempfile.TemporaryDirectory(prefix="ilvi-weights-") as folder:
        target = Path(folder) / name
        try:
            with urllib.request.urlopen(URL + name, timeout=TIMEOUT_S) as reply, target.open("wb") as out:
                shutil.copyfileobj(reply, out, 1 << 20)
        except (OSError, http.client.HTTPException) as error:
            raise IlviError(f"{name} could not be downloaded from {URL}: {error}.", hint) from error
        return import_file(target, kind)  # refuses a short or altered reply: the name says how the hash begins


def _check_kind(kind: str) -> None:
    if kind not in KNOWN:
        raise InputError(f"There is no kind of weights called {kind!r}.", f"Use one of {', '.join(KNOWN)}.")


def _prefix(name: str) -> str:
    return name.rsplit(".", 1)[0].rsplit("-", 1)[1]


def _known_name(kind: str, sha256: str) -> str:
    return next((name for name in KNOWN[kind] if sha256.startswith(_prefix(name))), "")


def _identify(name: str, sha256: str, copy: Path, kind: str) -> str:
    """The kind of the file that was called `name` and lies at `copy`; kind: "" or what it has to be."""
    named = next((known for known, names in KNOWN.items() if name in names), "")
    if named and not sha256.startswith(_prefix(name)):
        hint = f"It is damaged or another file: fetch {URL}{name} again, or rename weights of your own."
        raise InputError(f"{name} has the SHA-256 {sha256[:8]}..., expected {_prefix(name)}....", hint)
    if any(sha256.startswith(_prefix(other)) for other in UNUSABLE):
        raise InputError(f"{name} was made for another input normalisation than ILVI's.", f"Use {KNOWN['vgg16'][0]}.")
    state = _read_state(copy, name)
    problems = {}
    for candidate in [kind] if kind else KNOWN:
        problem = _problem(state, candidate)
        if not problem:
            return candidate
        problems[candidate] = problem
    reasons = "; ".join(f"as {_TITLE[candidate]} weights it {problem}" for candidate, problem in problems.items())
    hint = f"Import a torchvision state dict, such as {KNOWN[kind or 'vgg16'][0]}."
    raise InputError(f"{name} does not hold weights that ILVI can use: {reasons}.", hint)


def _read_state(path: Path, name: str) -> dict[str, torch.Tensor]:
    """A file's tensors by torchvision's names, on the CPU; code in it is never run. name: what errors call the file."""
    import safetensors.torch
    import torch

    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path, device="cpu")
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged file makes the unpickler raise has no common base
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        hint = "Fetch the file again; save it as a plain state dict, without code, if it is your own."
        raise InputError(f"{name} cannot be read as weights ({reason[:200]}).", hint) from error
    items = state.items() if isinstance(state, dict) else [("", state)]
    if odd := [key for key, value in items if not isinstance(key, str) or not key or not torch.is_tensor(value)]:
        found = f"{odd[0]!r}, no tensor" if isinstance(state, dict) else f"a {type(state).__name__}"
        raise InputError(f"{name} holds {found}; expected a state dict.", "Save `model.state_dict()` alone.")
    if "0.weight" in state:  # vgg16().features.state_dict(), not vgg16().state_dict()
        state = {f"features.{key}": value for key, value in state.items()}
    return dict(state)


def _expected(kind: str) -> tuple[dict[str, torch.Tensor], set[str]]:
    """Every tensor of torchvision's architecture (on the meta device: shapes alone), and the names that ILVI needs."""
    import torch
    from torchvision.models import optical_flow, vgg16

    builders = {"vgg16": vgg16, "raft_large": optical_flow.raft_large, "raft_small": optical_flow.raft_small}
    with torch.device("meta"):
        tensors = builders[kind](weights=None).state_dict()
    # Of VGG16 only what leads to relu3_3, features[0:16]: deeper layers and the classifier may be absent.
    if kind == "vgg16":
        return tensors, {key for key in tensors if key.startswith("features.") and int(key.split(".")[1]) < 16}
    return tensors, set(tensors)


def _problem(state: dict[str, torch.Tensor], kind: str) -> str:
    """What keeps the tensors from being weights of this kind, as a verb and its object; "" = nothing."""
    import torch

    expected, needed = _expected(kind)
    if missing := [key for key in expected if key in needed and key not in state]:
        return f"misses {', '.join(missing[:3])}" + (f" and {len(missing) - 3} more" * (len(missing) > 3))
    for key, value in state.items():
        # A name too many is another architecture: VGG19 begins like VGG16, but has a convolution at features.16.
        if key not in expected:
            return f"has {key}, which that architecture has not"
        if value.shape != expected[key].shape:
            return f"has {key} of shape {tuple(value.shape)}, expected {tuple(expected[key].shape)}"
        floating = expected[key].is_floating_point()
        if value.is_floating_point() != floating or value.layout != torch.strided or value.is_meta:
            return f"has {key} as {value.dtype}, expected {expected[key].dtype}"
        if key in needed and floating and not bool(torch.isfinite(value).all()):
            return f"has numbers in {key} that are not finite"
    return ""


def _damage(path: Path, sha256: str, size: int, memo: dict[str, list[Any]]) -> str:
    """Why the file is not the one that was imported, "" = it is. memo: name -> [size, mtime_ns, sha256], updated."""
    try:
        stat = path.stat()
        if stat.st_size != size:
            return f"{stat.st_size} bytes, {size} expected"
        seen = memo.get(path.name, [])
        if seen[:2] != [stat.st_size, stat.st_mtime_ns]:
            seen = [stat.st_size, stat.st_mtime_ns, _sha256_once(path, stat.st_size, stat.st_mtime_ns)]
            memo[path.name] = seen
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    return "" if seen[2:] == [sha256] else "its SHA-256 has changed"


@functools.lru_cache(maxsize=64)
def _sha256_once(path: Path, size: int, mtime_ns: int) -> str:
    return _sha256(path)


def _sha256(path: Path, copy_to: Path | None = None) -> str:
    """SHA-256 of a file, in hex, copying it on the way."""
    digest = hashlib.sha256()
    with path.open("rb") as source, open(copy_to or os.devnull, "wb") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()


def _read_index(folder: Path) -> dict[str, dict[str, Any]]:
    """file name -> {kind, sha256, size}, in the order of the imports; {} where nothing was imported yet."""
    path = folder / "index.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["version"] != 1:
            raise ValueError(f"version {data['version']!r}, expected 1")
        for name, entry in data["files"].items():
            right = entry["kind"] in KNOWN and isinstance(entry["sha256"], str) and isinstance(entry["size"], int)
            if not right or Path(name).name != name:
                raise ValueError(f"the entry {name!r} is malformed")
        return dict(data["files"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "Move it away and import the weight files again."
        raise InputError(f"The index of weight files {path} cannot be read ({error}).", hint) from error


def _read_memo(folder: Path) -> dict[str, list[Any]]:
    try:
        memo = json.loads((folder / "checked.json").read_text("utf-8"))
        return {name: seen for name, seen in memo.items() if isinstance(seen, list)}
    except (OSError, ValueError, AttributeError):
        return {}


def _write_json(path: Path, data: Any) -> None:
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}.json")
    try:
        temporary.write_text(json.dumps(data, indent=1), "utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
