"""These tests also run without ILVI's settings (`-c /dev/null`, on hosts' Pythons): what they need of them is here."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes minutes; run before an issue is resolved (pytest -m slow)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" not in str(config.getoption("markexpr", "")):
        for item in items:
            if Path(__file__).parent in item.path.parents and item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: pytest -m slow"))
