"""What can be asked of the installer."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="install.py",
        description="Installs ILVI for this user: the worker's own environment, and the record by which hosts find it. "
        "Running it again does no harm.",
        epilog="Exit codes: 0 done, 1 failed (the old version, if there is one, still works), 2 bad input or no "
        "rights, 130 stopped. docs/install.md has the rest.",
    )
    add = parser.add_argument
    add("--prefix", metavar="DIR", default="", help="where to install (default: this user's data folder)")
    add("--python", metavar="PYTHON", default="", help="the Python that the worker gets (default: this one)")
    add(
        "--torch", metavar="WHICH", default="auto",
        help="auto (by the driver), cpu, cuda, plain (what pip finds), a folder of wheels, a wheel, an index's URL",
    )  # fmt: skip
    add("--source", metavar="PATH", default="", help="a checkout or a wheel of ILVI (default: the one of this file)")
    add("--offline", metavar="ARCHIVE", default="", help="use this archive of make_bundle.py and no network")
    add(
        "--record",
        metavar="FILE",
        default="",
        help="where hosts look for the worker (default: ILVI_RECORD, or the user's)",
    )
    add(
        "--nuke", metavar="DIR", nargs="?", const="~", default="",
        help="the Nuke plugin: by a line in ~/.nuke/init.py, or as the folder DIR for NUKE_PATH",
    )  # fmt: skip
    add("--ofx", action="store_true", help="the OpenFX plugin, into the folder of this system")
    add("--ofx-dir", metavar="DIR", default="", help="the OpenFX plugin, into DIR (for OFX_PLUGIN_PATH)")
    add(
        "--upgrade",
        action="store_true",
        help="make a new environment even if there is one; the old one stays until it works",
    )
    add("--use", metavar="VERSION", default="", help="go back to a version that is kept, such as 0.1.0-20260101T120000")
    add("--list", action="store_true", help="the versions that are there")
    add("--no-self-test", action="store_true", help="do not solve a small clip at the end")
    add("--dry-run", action="store_true", help="say what would be done, and touch nothing")
    add("--uninstall", action="store_true", help="remove all that was made")
    add("--with-cache", action="store_true", help="with --uninstall: also what was solved")
    add("--force", action="store_true", help="with --uninstall: also while a worker runs")
    return parser
