from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_agents.sandbox.obstacle import obstacle


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("new/folder", None),
        ("folder", None),
        ("folder/new", None),
        ("link", "link is a symlink, not a folder."),
        ("link/below", "link is a symlink, not a folder."),
        ("dangling/below", "dangling is a symlink, not a folder."),
        ("folder/file", "folder/file is a file, not a folder."),
        ("folder/file/below", "folder/file is a file, not a folder."),
        ("n" * 300, "cannot be looked at: File name too long."),
    ],
)
def test_what_is_in_the_way(tmp_path: Path, place: str, said: str | None) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "folder/file").touch()
    (root / "link").symlink_to(tmp_path)
    (root / "dangling").symlink_to("nowhere")
    found = obstacle(root, root / place)
    assert (found is None) == (said is None)
    assert said is None or (found is not None and said in found)
