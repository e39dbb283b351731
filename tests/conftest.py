"""Before torch is loaded: as `ilvi` does, so that a busy machine does not bring the tests to a halt."""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "3000")
