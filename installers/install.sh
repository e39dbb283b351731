#!/bin/sh
# Finds a Python that can run the installer beside this file. All options go to it: install.sh --help
here=$(cd "$(dirname "$0")" && pwd)
for python in python3.12 python3.11 python3.13 python3.10 python3 python3.9 python; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1; then
        exec "$python" "$here/install.py" "$@"
    fi
done
echo "install: There is no Python 3.9 or newer on PATH." >&2
echo "  Install Python 3.10 or newer (python.org, or your system's packages), and run this again." >&2
exit 2
