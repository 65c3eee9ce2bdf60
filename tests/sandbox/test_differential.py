"""The SDK's toolset as the oracle: same input, same text, block and verdict.

Declared differences: bash keeps its trailing newline; an empty result is ``(no output)``; a lost or
timed-out shell is said to be new; line numbers in bash's own messages; a truncated output keeps the
whole 100 KiB (the oracle's includes its framing).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conformance import Kind
from oracle import ONE_KIND, Pair, lines, open_pair, oracle, pair

__all__ = ["oracle", "pair"]

BASH = (
    "echo hi",
    "true",
    "false",
    "echo out; echo err >&2; exit_code() { return 3; }; exit_code",
    "nosuchcommand",
    "cd /tmp && pwd",
    "pwd",
    "x=5; export Y=6",
    "echo $x $Y; bash -c 'echo $Y'",
    "printf 'no newline'",
    "printf '\\n\\nlines\\n\\n'",
    "printf '\\e[1;31mred\\e[0m plain\\e[K'",
    "printf 'a\\rb\\tc'",
    "printf '\\xff\\xfe bad utf8'",
    "echo 'ünï ☃'",
    "cat",
    "sleep 0.1 & wait; echo waited",
    'echo $TERM "<$PS1>" "<$PS2>"',
    "f() { echo in f $1; }; f a",
    "f b; type f | head -1",
    "ls nosuchfile",
    "echo {a,b}{1,2}; echo $((7*6)); [[ a == a ]] && echo yes",
    "for i in 1 2 3; do\n  echo $i\ndone",
    "cat <<'EOF'\nheredoc $x\nEOF",
    "(exit 7)",
    "set -o pipefail; false | true",
    "set +o pipefail; false | true",
    "echo $- | tr -d '\\n'; shopt -p expand_aliases",
    "jobs; echo $0",
    "trap 'echo on exit' EXIT; trap - EXIT; echo trapped",
    "sh -c 'echo child; exit 4'",
    "exec 5>/tmp/jupyter-agents-fd; echo kept >&5; cat /tmp/jupyter-agents-fd; exec 5>&-",
)


async def test_bash(pair: Pair) -> None:
    for command in BASH:
        await pair.same("bash", command=command)


async def test_bash_without_a_command_and_restart(pair: Pair) -> None:
    await pair.same("bash")
    await pair.same("bash", command="")
    await pair.same("bash", command="x=1")
    await pair.same("bash", restart=True)
    await pair.same("bash", command='echo "<$x>"', restart=False)
    await pair.same("bash", command="echo ignored", restart=True)


async def test_bash_out_of_time_begins_with_the_same_text(pair: Pair) -> None:
    (ours, our_error), (theirs, their_error) = await pair.both(
        "bash", {"command": "sleep 30", "timeout_ms": 200}
    )
    assert our_error and their_error
    assert ours[0]["text"].startswith(theirs[0]["text"])


async def test_bash_truncates_to_the_same_tail(pair: Pair) -> None:
    (ours, _), (theirs, _) = await pair.both("bash", {"command": "seq 100000; echo end"})
    mark = "[output truncated]\n"
    assert ours[0]["text"].startswith(mark) and theirs[0]["text"].startswith(mark)
    tail = theirs[0]["text"].removeprefix(mark)
    assert len(tail) > 100_000
    assert ours[0]["text"].rstrip("\n").endswith(tail)


async def test_read_text(pair: Pair) -> None:
    pair.place("plain.txt", "one\ntwo\nthree\n")
    pair.place("crlf.txt", "a\r\nb\r\n")
    pair.place("empty.txt", "")
    pair.place("bare", "no newline")
    pair.place("uni.txt", "ünï ☃ 𝄞\n")
    pair.place("bin.dat", b"\xff\xfe\0")
    pair.place("dir/inner.txt", "x")
    for name in ("plain.txt", "crlf.txt", "empty.txt", "bare", "uni.txt", "bin.dat", "dir", "nosuch"):
        await pair.same("read", file_path=name)
    for path in ("./plain.txt", "dir/../plain.txt", "plain.txt/x", "dir/nosuch", "", "../outside/x"):
        await pair.same("read", file_path=path)
    for first, last in ((1, 2), (2, 2), (2, -1), (0, 1), (5, 9), (3, 1), (-4, 2), (1, 0)):
        await pair.same("read", file_path="plain.txt", view_range=[first, last])
    await pair.same("read", file_path="plain.txt", view_range=[1])
    await pair.same("read", file_path="plain.txt", view_range=[])


async def test_read_large_text(pair: Pair) -> None:
    pair.place("large.txt", "".join(f"line {n}\n" for n in range(60_000)))
    pair.place("one_line.txt", "x" * 300_000 + "\nshort\n")
    pair.place("exact.txt", "y" * 256 * 1024)
    pair.place("edge.txt", "z" * 65_535 + "\n" + "ü" * 40_000 + "\nlast" + "\nw" * 100_000)
    await pair.same("read", file_path="large.txt")
    await pair.same("read", file_path="exact.txt")
    for view_range in ([1, 3], [59_999, 60_000], [60_000, -1], [1, -1], [20, 10], [70_000, 80_000]):
        await pair.same("read", file_path="large.txt", view_range=view_range)
    for view_range in ([1, 1], [2, 2], [1, 2], [2, -1], [3, 3]):
        await pair.same("read", file_path="one_line.txt", view_range=view_range)
    for view_range in ([1, 1], [1, 2], [2, 2], [2, 4], [3, 3]):
        await pair.same("read", file_path="edge.txt", view_range=view_range)


async def test_read_images_and_pdf(pair: Pair) -> None:
    for suffix in ("png", "jpg", "jpeg", "gif", "webp", "pdf", "PNG"):
        pair.place(f"f.{suffix}", os.urandom(1000))
        await pair.same("read", file_path=f"f.{suffix}")
    await pair.same("read", file_path="f.png", view_range=[1, 2])
    pair.place("empty.png", b"")
    pair.place("large.png", b"\0" * (5 * 1024 * 1024 // 4 * 3 + 1))
    pair.place("large.pdf", b"\0" * (20 * 1024 * 1024 + 1))
    for name in ("empty.png", "large.png", "large.pdf"):
        await pair.same("read", file_path=name)


async def test_write(pair: Pair) -> None:
    for name, content in (
        ("a.txt", "text\n"),
        ("deep/er/b.txt", "x"),
        ("a.txt", ""),
        ("u.txt", "ünï ☃ 𝄞\r\n"),
        ("./c", "c"),
        ("a.txt/x", "below a file"),
        ("deep", "a directory"),
        ("../escape", "x"),
        ("/etc/escape", "x"),
    ):
        await pair.same("write", file_path=name, content=content)
    for path in ("a.txt", "deep/er/b.txt", "u.txt", "c"):
        assert (pair.box.workspace / path).read_bytes() == (pair.oracle / path).read_bytes()


async def test_edit(pair: Pair) -> None:
    pair.place("e.txt", "one two one\r\nthree\n")
    pair.place("bin", b"\xff\xfe")
    pair.place("big", "x" * (256 * 1024 + 1))
    for old, new, more in (
        ("two", "2", {}),
        ("one", "1", {}),
        ("one", "1", {"replace_all": True}),
        ("nosuch", "x", {}),
        ("\r\nthree", "\nthree", {"replace_all": False}),
        ("three\n", "", {}),
        ("", "x", {"replace_all": True}),
    ):
        await pair.same("edit", file_path="e.txt", old_string=old, new_string=new, **more)
        assert (pair.box.workspace / "e.txt").read_bytes() == (pair.oracle / "e.txt").read_bytes()
    for path in ("bin", "big", "nosuch", ".", "../x", "/etc/passwd"):
        await pair.same("edit", file_path=path, old_string="a", new_string="b")


async def test_paths_that_lead_out(pair: Pair) -> None:
    for top in (pair.box.workspace, pair.oracle):
        os.symlink("/etc/passwd", top / "leaf")
        os.symlink("/", top / "top")
        os.symlink("nosuch", top / "dangling")
        os.symlink("loop", top / "loop")
        os.mkfifo(top / "fifo", 0o666)
        (top / "real").mkdir(mode=0o777)
        (top / "real/x").write_text("x\n")
        os.symlink("real", top / "inside")
    for path in (
        "leaf",
        "top/etc/passwd",
        "dangling",
        "loop",
        "loop/x",
        "fifo",
        "inside/x",
        "inside/../real/x",
    ):
        await pair.same("read", file_path=path)
        await pair.same("edit", file_path=path, old_string="nosuch", new_string="b")
    for path in ("leaf", "top/x", "loop", "loop/x"):
        await pair.same("write", file_path=path, content="x")


async def test_glob(pair: Pair) -> None:
    for index, name in enumerate(("a.py", "b.py", "d/c.py", "d/e/f.txt", ".hidden", "with space.py")):
        pair.place(name, "x")
        for top in (pair.box.workspace, pair.oracle):
            os.utime(top / name, (index * 1000, index * 1000))
    for index, name in enumerate(("outputs", "d", "d/e")):
        for top in (pair.box.workspace, pair.oracle):
            os.utime(top / name, (10 + index, 10 + index))
    for pattern in ("*.py", "**/*.py", "*", "**/*", "**", "d/*", "nosuch*", ".*", "d/e/", "[ab].py", "?.py"):
        await pair.same("glob", pattern=pattern)
    await pair.same("glob", pattern="*.py", path="d")
    await pair.same("glob", pattern="*", path="nosuch")
    for pattern in ("/etc/*", "../*", "a/../../*", "a**"):
        await pair.same("glob", pattern=pattern)
    await pair.same("glob", pattern="*", path="/etc")
    await pair.same("glob", pattern="*", path="..")


async def test_glob_with_many_matches(pair: Pair) -> None:
    for index in range(230):
        pair.place(f"many/{index:03}", "")
        for top in (pair.box.workspace, pair.oracle):
            os.utime(top / f"many/{index:03}", (index, index))
    ours = await pair.same("glob", pattern="many/*")
    assert len(ours[0][0]["text"].splitlines()) == 200


async def test_grep(pair: Pair) -> None:
    pair.place("one.txt", "alpha\nbeta gamma\nalphabet\n")
    for pattern in ("alpha", "^beta", "g.mma$", "nosuch", "ALPHA", "(?i)ALPHA", "-e", "[", "a{2", "\\d"):
        await pair.same("grep", pattern=pattern)
        await pair.same("grep", pattern=pattern, path="one.txt")
    await pair.same("grep", pattern="x", path="nosuch.txt")
    await pair.same("grep", pattern="x", path="/etc")
    pair.place("many.txt", "match " * 10 + "\n" + "match\n" * 40_000)
    await pair.same("grep", pattern="match", path="many.txt")


@pytest.mark.parametrize("kind", ONE_KIND, ids=lambda kind: kind.name)
async def test_grep_without_ripgrep(kind: Kind, oracle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_pair(kind, oracle, env={"PATH": "/nosuch"}) as pair:
        monkeypatch.setenv("PATH", "/nosuch")
        pair.place("one.txt", "alpha\r\nbeta gamma\nalphabet")
        for name in (".git/skipped", "node_modules/skipped", "d/.hidden"):
            pair.place(name, "alpha\n")
        pair.place("binary", b"alpha\0\n")
        pair.place("late_binary", b"x" * 600 + b"\n\0alpha\n")
        pair.place("long", "alpha" + "x" * 2000 + "\nalpha short\n")
        pair.place("latin", b"alpha \xe9\n")
        for pattern in ("alpha", "^beta", "g.mma$", "nosuch", "(?i)ALPHA", "[", "a{2", "(", "\\d"):
            for more in ({}, {"path": "one.txt"}, {"path": "long"}):
                ours, theirs = await pair.both("grep", {"pattern": pattern, **more})
                assert lines(ours) == lines(theirs)
        pair.place("many.txt", "match\n" * 40_000)
        (ours, _), (theirs, _) = await pair.both("grep", {"pattern": "match", "path": "many.txt"})
        *hits, mark = theirs[0]["text"].split("\n")
        assert ours[0]["text"].startswith("\n".join(hits))
        assert ours[0]["text"].endswith(f"\n{mark}")
