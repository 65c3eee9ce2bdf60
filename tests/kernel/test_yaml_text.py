"""Definitions as YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_agents.kernel import yaml_text
from jupyter_agents.kernel.problems import AgentError


def test_words_that_other_readers_turn_into_something_else_stay_text() -> None:
    text = "a: on\nb: yes\nc: 1:30\nd: 2024-01-02\ne: 010\non: off\nf: 1e3\ng: .inf"
    assert yaml_text.read(text) == {
        **{"a": "on", "b": "yes", "c": "1:30", "d": "2024-01-02", "e": "010"},
        **{"on": "off", "f": "1e3", "g": ".inf"},
    }


def test_plain_values() -> None:
    text = "n: 3\nf: 0.5\nt: true\nnothing:\nl: [a, -1]\ns: |\n  one\n  two\n"
    assert yaml_text.read(text) == {
        **{"n": 3, "f": 0.5, "t": True, "nothing": None, "l": ["a", -1], "s": "one\ntwo\n"}
    }
    assert yaml_text.read("# nothing\n") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [1", "The cell, line 2: expected"),
        ("a: 1\nb: c: d", "The cell, line 3: mapping values"),
        ("a: 1\na: 2", "The cell, line 3: the key 'a' is given twice"),
        ("a: &x 1\nb: *x", "line 2: anchors"),
        ("a: !!python/object/apply:os.system [ls]", "line 2: tags"),
        ("[" * 200_000, "nested more than 20 deep"),
        ("{a: " * 50, "nested more than 20 deep"),
        ("- a", "expected lines such as"),
        ("word", "expected lines such as"),
        ("? [a]\n: b", "a key must be a word"),
        ("a: \x00", "a character that YAML does not allow"),
        ("a: 1\n---\nb: 2", "found another document"),
        ("a: " + "x" * 300_000, "at most 256,000 characters"),
    ],
)
def test_what_is_no_definition_is_said_in_one_line(text: str, says: str) -> None:
    with pytest.raises(AgentError) as error:
        yaml_text.read(text, "the cell", first_line=2)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "a.agent.yaml"
    file.write_text("system: S")
    assert yaml_text.read_file(str(file)) == {"system": "S"}
    for content, says in ((b"\xff\xfe\x00", "not a text file"), (b"a" * 2_000_000, "too large")):
        file.write_bytes(content)
        with pytest.raises(AgentError, match=says):
            yaml_text.read_file(str(file))
    with pytest.raises(AgentError, match="There is no file"):
        yaml_text.read_file(str(tmp_path / "none.yaml"))


def test_what_is_written_is_read_back() -> None:
    doc = {
        "system": "One\n  two: three\n\n- four\n",
        "metadata": {"a": "on", "b": "010", "c": "", "d": "~", "e": "1.5", "f": "true", "g": "# no"},
        "tools": ["bash", {"type": "custom", "input_schema": {"type": "object", "required": []}}],
        "description": "Ümläut — 日本 \u202e \x07 trailing ",
        "n": 3,
    }
    assert yaml_text.read(yaml_text.write(doc)) == doc
    assert "system: |\n  One\n" in yaml_text.write(doc)
