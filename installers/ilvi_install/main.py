"""The installer's run, from the command line to the last word."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ilvi_install import options as command_line
from ilvi_install.install import install, list_versions, use_version
from ilvi_install.places import default_prefix, this_machine
from ilvi_install.uninstall import uninstall
from ilvi_install.words import Refused, complain, safe_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 failed, 2 bad input or no rights, 130 stopped."""
    safe_streams()
    options = command_line.parse(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):  # which a shell's background ignores
        signal.signal(number, _stop)
    try:
        machine = this_machine()
        prefix = _absolute(options.prefix) if options.prefix else default_prefix(machine)
        if options.uninstall:
            return uninstall(machine, prefix, options.dry_run, options.with_cache, options.force)
        if options.list:
            return list_versions(prefix)
        if options.use:
            return use_version(machine, prefix, options.use)
        return install(machine, prefix, options)
    except Refused as error:
        return complain(error)
    except KeyboardInterrupt:
        return complain(Refused("Stopped.", "Run it again to go on, or with --uninstall to remove what is there.", 130))
    except OSError as error:
        return complain(_in_words(error))
    except Exception as error:
        return complain(_our_fault(error))


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(path)))


def _in_words(error: OSError) -> Refused:
    where = error.filename or "a file"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Refused(
            f"This user may not write {where}.", "Choose a folder of yours with --prefix, --nuke, --ofx-dir.", 2
        )
    if error.errno == errno.ENOSPC:
        return Refused(f"The disk is full at {where}.", "Make room, and run this again.")
    return Refused(f"{where} cannot be used: {error.strerror or error}.", "Check the path, and run this again.", 2)


def _our_fault(error: Exception) -> Refused:
    """The sentence is for the person, the traceback for whoever mends it."""
    handle, name = tempfile.mkstemp(prefix="ilvi-install-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(traceback.format_exc())
    return Refused(
        f"Something failed inside the installer: {type(error).__name__}: {error}", f"The details are in {name}."
    )


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
