"""ILVI as a rez package: `rez build --install` in this folder makes it; `rez env ilvi -- ilvi demo` uses it.

The package is an installation of its own, with a record of its own; nothing goes into anybody's home.
"""

name = "ilvi"
version = "0.1.0"
description = "Removes things from shots: video inpainting by a small network trained on that one clip"
tools = ["ilvi"]
variants = [["platform-linux", "arch-x86_64"]]
# options for the farm's machines go here: --torch, --python, --offline ARCHIVE, --ofx-dir {install_path}/ofx
build_command = (
    "if [ -n '{install}' ]; then python3 {root}/../install.py"
    " --prefix $REZ_BUILD_INSTALL_PATH --record $REZ_BUILD_INSTALL_PATH/worker.json"
    " --nuke $REZ_BUILD_INSTALL_PATH/nuke; fi"
)


def commands():
    env.ILVI_RECORD = "{root}/worker.json"  # noqa: F821
    env.PATH.append("{root}/current/bin")  # noqa: F821
    env.NUKE_PATH.append("{root}/nuke")  # noqa: F821
