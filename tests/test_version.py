from __future__ import annotations

import json
import re
from pathlib import Path

from jupyter_agents import __version__

ROOT = Path(__file__).parent.parent


def test_both_languages_have_one_version() -> None:
    package = json.loads((ROOT / "labextension" / "package.json").read_text("utf-8"))
    assert package["version"] == __version__


def test_the_changelog_knows_the_version() -> None:
    assert re.search(rf"^## .*{re.escape(__version__)}", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
