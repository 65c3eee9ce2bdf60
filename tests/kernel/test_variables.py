"""A variable as a file: each type in its form, read back; what has none is said."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from jupyter_agents.kernel.files import Given
from jupyter_agents.kernel.problems import AgentError
from jupyter_agents.kernel.variables import pack, pick

np: Any = import_module("numpy")
pd: Any = import_module("pandas")


def data(given: Given) -> bytes:
    assert isinstance(given.content, bytes)
    return given.content


VALUES = [
    ("text", "héllo\n", "txt", "str, 6 characters", bytes.decode),
    ("raw", b"\0\1", "bin", "bytes, 2 bytes", bytes),
    ("number", 3, "json", "int", json.loads),
    ("real", 0.5, "json", "float", json.loads),
    ("flag", True, "json", "bool", json.loads),
    ("nothing", None, "json", "NoneType", json.loads),
    ("mapping", {"a": [1, "ü"]}, "json", "dict, 1 entries", json.loads),
    ("items", [1, 2, 3], "json", "list, 3 entries", json.loads),
    ("scalar", np.float64(1.5), "json", "numpy float64", json.loads),
]


@pytest.mark.parametrize(("name", "value", "ending", "about", "read"), VALUES)
def test_plain_values(name: str, value: Any, ending: str, about: str, read: Callable[[bytes], Any]) -> None:
    given = pack(name, value)
    assert (given.name, given.variable, given.about) == (f"{name}.{ending}", name, about)
    assert given.path == f"/workspace/{name}.{ending}"
    assert read(data(given)) == value


def test_an_array() -> None:
    given = pack("grid", np.arange(6).reshape(2, 3))
    assert (given.name, given.about) == ("grid.npy", "numpy ndarray, shape (2, 3), int64")
    assert np.load(io.BytesIO(data(given))).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_arrays_inside_a_dict_are_json() -> None:
    assert json.loads(data(pack("x", {"a": np.int64(1), "b": np.array([1.5])}))) == {"a": 1, "b": [1.5]}


def test_a_frame_and_a_series() -> None:
    frame = pd.DataFrame({"n": [1, 2], "word\n": ["a", "b"]})
    given = pack("df", frame)
    assert given.name == "df.parquet"
    assert given.about.startswith("pandas DataFrame, 2 rows, 2 columns: n int64, word ")
    assert pd.read_parquet(io.BytesIO(data(given))).equals(frame)
    series = pack("s", frame["n"])
    assert (series.name, series.about) == ("s.parquet", "pandas Series, 2 rows, 1 columns: n int64")


def test_a_frame_that_parquet_cannot_hold_is_csv_and_says_so() -> None:
    frame = pd.DataFrame({"mixed": [1, "a", object]})
    given = pack("df", frame)
    assert given.name == "df.csv"
    assert "(as CSV: parquet cannot hold it: " in given.about
    assert data(given).decode().splitlines()[:3] == ["mixed", "1", "a"]


def test_a_frame_without_pyarrow_is_csv_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_agents.kernel.tabular.find_spec", lambda name: None)
    frame = pd.DataFrame({"n": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    given = pack("df", frame)
    assert given.about.endswith("(as CSV: pyarrow is not installed)")
    assert data(given).decode() == "key,n\nx,1\ny,2\n"


def test_tables_of_polars_and_pyarrow() -> None:
    pl: Any = import_module("polars")
    pa: Any = import_module("pyarrow")
    frame = pack("df", pl.DataFrame({"n": [1, 2]}))
    assert (frame.name, frame.about) == ("df.parquet", "polars DataFrame, 2 rows, 1 columns: n Int64")
    assert pl.read_parquet(io.BytesIO(data(frame)))["n"].to_list() == [1, 2]
    assert pack("s", pl.Series([1])).about == "polars Series, 1 rows, 1 columns: s Int64"
    table = pack("t", pa.table({"n": [1]}))
    assert (table.name, table.about) == ("t.parquet", "pyarrow Table, 1 rows, 1 columns: n int64")


def test_figures_and_images_are_png() -> None:
    figure: Any = import_module("matplotlib.figure").Figure()
    figure.subplots().plot([1, 2])
    image: Any = import_module("PIL.Image").new("CMYK", (4, 3))
    assert data(pack("fig", figure)).startswith(b"\x89PNG")
    given = pack("im", image)
    assert data(given).startswith(b"\x89PNG")
    assert (given.name, given.about) == ("im.png", "PIL Image, 4 x 3 pixels")


def test_a_path_is_its_file(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n")
    given = pack("source", tmp_path / "sales.csv")
    assert (given.name, data(given)) == ("source.csv", b"a,b\n")
    assert given.about == "the file sales.csv, 4 bytes"
    with pytest.raises(AgentError, match="There is no file"):
        pack("source", tmp_path / "none.csv")


def test_wide_tables_and_long_names_are_told_in_short() -> None:
    frame = pd.DataFrame([[0] * 2000], columns=[f"{n}{'x' * 500}" for n in range(2000)])
    about = pack("df", frame).about
    assert "2,000 columns" in about
    assert about.endswith("and 1960 more")
    assert len(about) < 4000


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1, 2}, "a set"),
        ({"a": {1}}, "a set inside it is not JSON"),
        (float("nan"), "Out of range"),
        (np.array([object()]), "numpy ndarray"),
        (lambda: None, "a function"),
    ],
)
def test_what_has_no_plain_form_is_said(value: Any, why: str) -> None:
    with pytest.raises(AgentError, match="--pickle") as caught:
        pack("x", value)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pickle_is_on_request_and_only_where_needed() -> None:
    given = pack("x", {1, 2}, pickle=True)
    assert (given.name, given.about) == ("x.pkl", "set, as a pickle")
    assert pickle.loads(data(given)) == {1, 2}
    assert pack("x", [1], pickle=True).name == "x.json"
    with pytest.raises(AgentError, match="cannot be pickled"):
        pack("x", lambda: None, pickle=True)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"x" * 2_500_000, "2.5 MB, more than 1 MB"),
        (np.zeros(1_000_000), "8.0 MB, more than 1 MB"),
        (pd.DataFrame({"n": np.random.default_rng(0).random(500_000)}), "4.0 MB, more than 1 MB"),
        (["word"] * 500_000, "more than 1 MB as a file"),
    ],
)
def test_what_is_too_large_is_refused_with_its_size(value: Any, says: str) -> None:
    with pytest.raises(AgentError, match="--max-mb") as caught:
        pack("big", value, max_mb=1)
    assert says in str(caught.value)


def test_a_large_frame_that_is_small_as_parquet_goes() -> None:
    assert len(data(pack("df", pd.DataFrame({"n": np.zeros(500_000)}), max_mb=1))) < 1_000_000


def test_the_same_value_has_the_same_stamp() -> None:
    frame = pd.DataFrame({"n": [1, 2]})
    assert pack("df", frame).stamp == pack("df", frame.copy()).stamp
    assert pack("df", frame).stamp != pack("df", frame + 1).stamp


def test_a_variable_that_is_not_there() -> None:
    assert pick(["sales"], {"sales": 1}) == {"sales": 1}
    with pytest.raises(AgentError, match=r"no variable 'salse'. Did you mean sales\?"):
        pick(["salse"], {"sales": 1, "_": 2})


def test_no_library_is_loaded_for_a_plain_value() -> None:
    code = (
        "import sys; from jupyter_agents.kernel.variables import pack; pack('x', {'a': 1});"
        "print([name for name in ('pandas', 'numpy', 'pyarrow', 'PIL', 'polars') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
