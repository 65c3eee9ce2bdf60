"""Random calls to the file tools and bash: the same answers, and the same files after, as the SDK's toolset.

Declared differences, besides those of `test_differential`: the order in which glob and grep list files
of one moment. ``FUZZ_EXAMPLES=1000`` looks longer.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import ONE_KIND, Pair, lines, normal, open_pair

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))

names = st.sampled_from(
    [
        "a",
        "b.txt",
        "d/c",
        "d/e/f",
        "d",
        ".h",
        "-n",
        "ü ü",
        "p.png",
        "p.pdf",
        "../x",
        "/etc/hostname",
        "d/../a",
        "",
    ]
)
words = st.text(st.sampled_from("ab \n\r\tü𝄞.*[$\\"), max_size=12)
ends = st.integers(-3, 6)
globs = st.lists(
    st.sampled_from(["*", "**", "?", "a", "b.txt", "d", "[ab]", ".h", "..", "x"]), min_size=1, max_size=3
).map("/".join)
patterns = st.lists(
    st.sampled_from(["a", "b", "^", "$", ".", "*", "[ab]", "(a|b)", "\\s", "ü", "+", "[", "(?i)A"]),
    min_size=1,
    max_size=4,
).map("".join)
commands = st.sampled_from(
    [
        "cat a b.txt 2>&1",
        "echo more >>a",
        "mkdir -p d/e && echo x >d/e/f",
        "rm -rf d",
        "cd d && ls",
        "cd; cd - >/dev/null; ls | wc -l",
        "printf '%s' \"$x\"; x=1$x",
        "[ -e a ] && wc -c <a",
        "ls nosuch; (exit 3)",
        "head -c 20 b.txt | od -c | tail -1",
    ]
)


def step(tool: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.fixed_dictionaries(fields).map(lambda given: (tool, given))


steps = st.one_of(
    step("bash", command=commands),
    step("write", file_path=names, content=words),
    step("read", file_path=names),
    step("read", file_path=names, view_range=st.lists(ends, min_size=2, max_size=2)),
    step("edit", file_path=names, old_string=words, new_string=words, replace_all=st.booleans()),
    step("glob", pattern=globs),
    step("grep", pattern=patterns),
    step("grep", pattern=patterns, path=names),
    st.tuples(st.just("place"), st.fixed_dictionaries({"p": st.binary(max_size=40)})),
)


async def answers_agree(calls: list[tuple[str, dict[str, Any]]], top: Path) -> None:
    oracle = top.resolve() / "oracle"
    (oracle / "outputs").mkdir(parents=True)
    async with open_pair(ONE_KIND[0], oracle) as pair:
        for name, input in calls:
            if name == "place":
                for suffix in ("png", "pdf", "dat"):
                    pair.place(f"p.{suffix}", input["p"])
                continue
            ours, theirs = await pair.both(name, input)
            if name in ("glob", "grep"):
                assert lines(ours) == lines(theirs)
            else:
                assert normal(ours, name) == normal(theirs, name)
        assert tree(pair, pair.box.workspace) == tree(pair, pair.oracle)


def tree(pair: Pair, top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


@settings(max_examples=EXAMPLES, derandomize=True)
@given(st.lists(steps, min_size=8, max_size=24))
def test_random_calls_answer_as_the_sdks_toolset(calls: list[tuple[str, dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as top:
        asyncio.run(answers_agree(calls, Path(top)))
