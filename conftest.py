"""What all tests share. The fixtures of the acceptance suite stand in tests/acceptance/conftest.py."""

from __future__ import annotations

pytest_plugins = ["pytester"]
