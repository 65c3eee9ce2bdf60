"""Previews of what a run made."""

from __future__ import annotations

from pathlib import Path

from jupyter_agents.cell import glance
from tests.cell.test_pictures import noise


def test_pictures_and_tables_have_previews(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "plot.png").write_bytes(noise(900, 300))
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "notes.txt").write_text("a,b\n")
    (tmp_path / "fake.png").write_text("no picture")
    (tmp_path / "out.csv").symlink_to("/etc/passwd")
    paths = ["outputs/plot.png", "rows.csv", "notes.txt", "fake.png", "out.csv", "gone.csv"]
    made = glance.previews(tmp_path, paths)
    assert list(made) == ["outputs/plot.png", "rows.csv"]
    assert made["outputs/plot.png"]["type"] == "image"
    assert len(made["outputs/plot.png"]["data"]) <= glance.PICTURE_LIMIT
    assert made["rows.csv"] == {"type": "table", "columns": ["a", "b"], "rows": [["1", "2"]], "more": False}


def test_there_are_eight_at_most_and_none_of_another_machine(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.csv").write_text("a\n1\n")
    paths = [f"{number}.csv" for number in range(20)]
    assert len(glance.previews(tmp_path, paths)) == glance.PREVIEWS
    assert glance.previews(None, paths) == {}
