"""Files that an agent made, as objects; none of them runs anything."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from PIL import Image

from jupyter_agents.errors import UserError
from jupyter_agents.kernel.load import load


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", '{"a": [1, null]}', {"a": [1, None]}),
        ("a.jsonl", '{"a": 1}\n\n[2]\n', [{"a": 1}, [2]]),
        ("a.txt", "é\n", "é\n"),
        ("A.MD", "# T", "# T"),
        ("Makefile", "all:", "all:"),
        ("a.svg", "<svg onload='x'/>", "<svg onload='x'/>"),
    ],
)
def test_what_needs_no_package(tmp_path: Path, name: str, content: str, expected: Any) -> None:
    assert load(put(tmp_path, name, content), name) == expected


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.csv", "x,y\n1,a\n2,b\n", {}),
        ("a.tsv", "x\ty\n1\ta\n2\tb\n", {}),
        ("a.csv", "x;y\n1;a\n2;b\n", {"sep": ";"}),
    ],
)
def test_tables(tmp_path: Path, name: str, content: str, options: dict[str, Any]) -> None:
    table = load(put(tmp_path, name, content), name, **options)
    assert isinstance(table, pandas.DataFrame)
    assert table.to_dict("list") == {"x": [1, 2], "y": ["a", "b"]}


def test_parquet_is_read_or_says_what_it_needs(tmp_path: Path) -> None:
    table = pandas.DataFrame({"x": [1, 2]})
    path = tmp_path / "a.parquet"
    if importlib.util.find_spec("pyarrow"):
        table.to_parquet(path)
        assert load(path, "a.parquet").equals(table)
    else:
        path.write_bytes(b"PAR1")
        with pytest.raises(UserError, match=r"a\.parquet needs a package .* pyarrow"):
            load(path, "a.parquet")


def test_arrays(tmp_path: Path) -> None:
    array = numpy.arange(6).reshape(2, 3)
    numpy.save(tmp_path / "a.npy", array)
    numpy.savez(tmp_path / "a.npz", first=array, second=array * 2)
    assert (load(tmp_path / "a.npy", "a.npy") == array).all()
    found = load(tmp_path / "a.npz", "a.npz")
    assert sorted(found) == ["first", "second"] and (found["second"] == array * 2).all()


def test_images(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (255, 0, 0)).save(tmp_path / "a.png")
    image = load(tmp_path / "a.png", "a.png")
    assert (image.size, image.getpixel((0, 0))) == ((3, 2), (255, 0, 0))


class Bomb:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["a.pkl", "a.pickle", "a.npy", "a.PKL", "a.joblib"])
def test_a_pickle_is_not_read_unasked(tmp_path: Path, name: str) -> None:
    burst = tmp_path / "burst"
    path = tmp_path / name
    if name.endswith(".npy"):
        numpy.save(path, numpy.array([Bomb(burst)], dtype=object))
    else:
        path.write_bytes(pickle.dumps(Bomb(burst)))
    with pytest.raises(UserError, match="pickle"):
        load(path, name)
    assert not burst.exists()


def test_a_pickle_is_read_where_it_is_allowed(tmp_path: Path) -> None:
    path = put(tmp_path, "a.pkl", pickle.dumps({"a": 1}))
    assert load(path, "a.pkl", allow_pickle=True) == {"a": 1}
    numpy.save(tmp_path / "a.npy", numpy.array([{}], dtype=object))
    with pytest.raises(UserError):
        load(tmp_path / "a.npy", "a.npy", allow_pickle=True)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "{", "not what its name says"),
        ("a.json", "[" * 100_000, "not what its name says"),
        ("a.csv", "", "not what its name says"),
        ("a.npy", b"no array", "not what its name says"),
        ("a.npz", b"no zip", "not what its name says"),
        ("a.txt", b"\xff\xfe\x00", "not what its name says"),
        ("a.png", b"no image", "a.png cannot be read"),
        ("a.pkl", b"no pickle", "not what its name says"),
        ("a.xyz", b"?", "does not know files like a.xyz; it knows .bmp"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, name: str, content: str | bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        load(put(tmp_path, name, content), name, allow_pickle=True)


def test_a_missing_and_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"a\.txt cannot be read: No such file"):
        load(tmp_path / "a.txt", "a.txt")
    monkeypatch.setattr("jupyter_agents.kernel.load.LARGEST", 3)
    with pytest.raises(UserError, match="4 bytes"):
        load(put(tmp_path, "a.txt", "four"), "a.txt")


@pytest.mark.parametrize(
    ("module", "name", "package"),
    [("pandas", "a.csv", "pandas"), ("numpy", "a.npy", "numpy"), ("PIL", "a.png", "pillow")],
)
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match=f"%pip install {package}$"):
        load(put(tmp_path, name, "x"), name)
