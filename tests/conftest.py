"""Before torch is loaded: as `ilvi` does, so that a busy machine does not bring the tests to a halt."""

import os

import pytest

os.environ.setdefault("GOMP_SPINCOUNT", "3000")
if "PYTEST_XDIST_WORKER" in os.environ:  # several test processes: each with a thread of its own, not with all cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """No test sees or fills the user's cache, nor another test's."""
    monkeypatch.setenv("ILVI_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("ILVI_CACHE_SIZE", raising=False)


@pytest.fixture
def shot(tmp_path):
    """A small plate and its matte on disk; see shots.py."""
    from shots import make_shot  # here: the host's tests run without numpy

    return make_shot(tmp_path)


@pytest.fixture
def cache(tmp_path):
    """A cache of the test's own, in a folder that is not there yet."""
    from ilvi_core.cache import Cache

    return Cache(tmp_path / "the cache")
