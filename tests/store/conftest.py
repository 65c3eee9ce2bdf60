from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_agents.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "agents.db")
    yield made
    made.close()
