"""Files shown in a cell: nothing in them is active."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from PIL import Image

from jupyter_agents.errors import UserError
from jupyter_agents.kernel.show import LARGEST_IMAGE, LONGEST_TEXT, bundle

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"


def shown(folder: Path, name: str, content: bytes) -> dict[str, str]:
    (folder / name).write_bytes(content)
    return dict(bundle(folder / name, name, len(content)))


def test_a_picture(tmp_path: Path) -> None:
    Image.new("L", (1, 1)).save(tmp_path / "a.png")
    made = bundle(tmp_path / "a.png", "a.png", 1)
    assert base64.b64decode(made["image/png"]) == (tmp_path / "a.png").read_bytes()
    assert made["text/plain"] == "[image a.png]"


def test_svg_is_shown_as_an_image_in_which_nothing_runs(tmp_path: Path) -> None:
    made = shown(tmp_path, "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    assert "onload" not in made["text/html"] and set(made) == {"text/html", "text/plain"}
    assert made["text/html"].startswith('<img alt="a.svg" src="data:image/svg+xml;base64,')


@pytest.mark.parametrize("name", ["a.html", "a.txt", "a.csv", "a.tsv"])
def test_nothing_is_markup(tmp_path: Path, name: str) -> None:
    made = shown(tmp_path, name, f"x\n{HOSTILE}\n".encode())
    assert "<script" not in made["text/html"] and "<img" not in made["text/html"]
    assert "&lt;script&gt;" in made["text/html"]


def test_a_table_is_cut_and_says_so(tmp_path: Path) -> None:
    rows = "".join(f"{number}\n" for number in range(1000))
    made = shown(tmp_path, "a.csv", f"x\n{rows}".encode())
    assert made["text/plain"].startswith("the first 20 rows of a.csv")
    assert "<td>19</td>" in made["text/html"] and "<td>20</td>" not in made["text/html"]
    assert shown(tmp_path, "b.csv", b"x\n1\n")["text/plain"].startswith("b.csv")


def test_what_is_long_large_or_no_text(tmp_path: Path) -> None:
    made = shown(tmp_path, "a.log", b"a" * (LONGEST_TEXT + 1))
    assert made["text/plain"] == "a" * LONGEST_TEXT + "\n..."
    assert shown(tmp_path, "a.bin", b"a\0b")["text/plain"] == "a.bin: 3 bytes that are no text"
    with pytest.raises(UserError, match="larger than"):
        shown(tmp_path, "a.gif", b"x" * (LARGEST_IMAGE + 1))
    with pytest.raises(UserError, match="cannot be read"):
        bundle(tmp_path / "none.txt", "none.txt", 0)
