from __future__ import annotations

import pytest

from jupyter_agents.domain import packages
from jupyter_agents.domain.packages import MANAGERS, checked, digest, failure, installing, refused, wanted
from jupyter_agents.errors import InvalidRequest

GOOD = {
    "apt": ["jq", "g++", "libc6:amd64", "jq=1.6-2.1", "git/bookworm-backports", "python3.11"],
    "cargo": ["hyperfine@1.18.0", "cargo-edit", "fd-find@^8"],
    "gem": ["rails:7.1.0", "rack:~> 3.0", "concurrent-ruby"],
    "go": ["golang.org/x/tools/cmd/goimports@latest", "example.com/~me/tool@v1.2.3"],
    "npm": ["express@4.18.0", "@types/node@^20.1.0", "left-pad@>=1.0.0 <2", "lodash", "vite@latest"],
    "pip": ["pandas==2.2.0", "requests[socks]>=2,<3", "numpy", "ruamel.yaml ~= 0.18", "x==1.0+local"],
}
HOSTILE = [
    "", " x", "x ", "-x", "--index-url=y", "$(id)", "x;id", "x`id`", "x\nRUN id", "x\\", "x'y", 'x"y', "x&&y",
    "./x", "../x", "/etc/x", "~/x", "https://host.example/x", "git+https://host.example/x", "file:./x",
    "x @ https://host.example/x.whl", "x>/etc/passwd", "x|y", "x\0", "x\t", "#x", "x" * 257,
]  # fmt: skip
BAD = {
    "apt": ["jq-", "JQ", "jq*", "^jq$", "a.deb/"],
    "cargo": ["a b", "a@", "a/b"],
    "gem": ["a:b c", "a/b"],
    "go": ["tool", "./...", "example.com", "example.com/x y"],
    "npm": ["owner/project", "a@npm:b", "a@file:b", "@scope", "a@https://b"],
    "pip": ["a.whl/", "a==", "a; python_version<'3'", "a,b", "a b"],
}


@pytest.mark.parametrize("manager", MANAGERS)
def test_names_pass_as_their_manager_takes_them(manager: str) -> None:
    assert checked(manager, GOOD[manager]) == GOOD[manager]
    for name in [*HOSTILE, *BAD[manager]]:
        with pytest.raises(InvalidRequest, match=rf"config\.packages\.{manager}\.1: "):
            checked(manager, [GOOD[manager][0], name])


def test_the_refusal_shows_how_to_write_it() -> None:
    with pytest.raises(InvalidRequest, match=r"such as pandas==2\.2\.0, without options, paths or addresses"):
        checked("pip", ["git+https://host.example/x"])


def test_lists_end() -> None:
    assert len(checked("pip", ["a"] * packages.MAX_PACKAGES)) == packages.MAX_PACKAGES
    with pytest.raises(InvalidRequest, match="at most 500"):
        checked("pip", ["a"] * (packages.MAX_PACKAGES + 1))


def test_managers_run_in_their_order() -> None:
    lists = {"type": "packages", "pip": ["a", "b"], "apt": ["c"], "npm": [], "cargo": []}
    assert list(wanted(lists).items()) == [("apt", ("c",)), ("pip", ("a", "b"))]
    assert wanted({}) == {}


def test_a_digest_follows_the_content_alone() -> None:
    assert digest({"a": ("x",), "b": ()}) == digest({"b": [], "a": ["x"]})
    assert (
        len({digest(), digest("a"), digest("a", "b"), digest(["a", "b"]), digest({"pip": ["a", "b"]})}) == 5
    )


def test_what_is_told() -> None:
    assert installing("pip", ["a", "b==1"]) == "Installing pip packages: a, b==1."
    assert installing("npm", [str(n) for n in range(10)]).endswith("7 and 2 more.")


@pytest.mark.parametrize(
    ("manager", "names", "output", "blamed"),
    [
        ("pip", ["pandas", "nosuch==1"], "ERROR: No match for nosuch==1\n", "nosuch==1"),
        ("npm", ["express", "@a/nosuch@2"], "\x1b[31mnpm error\x1b[0m 404 '@a/nosuch@2'", "@a/nosuch@2"),
        ("apt", ["jq", "nosuch"], "E: Unable to locate package nosuch\n", "nosuch"),
        ("cargo", ["a", "nosuch@1"], "error: could not find `nosuch` in registry", "nosuch@1"),
        ("go", ["h.example/a/b", "h.example/c@v1"], "go: h.example/c@v1: not found", "h.example/c@v1"),
        ("gem", ["rake:1", "nosuch:2"], "ERROR:  Could not find a valid gem 'nosuch' (= 2)", "nosuch:2"),
        ("pip", ["pandas", "x==1"], "Collecting pandas\nERROR: x==1 is not there", "x==1"),
        ("pip", ["pandas", "numpy"], "No space left on device", "pandas, numpy"),
    ],
)  # fmt: skip
def test_a_failure_names_the_package(manager: str, names: list[str], output: str, blamed: str) -> None:
    said = failure(manager, names, output)
    assert said.startswith(f"{manager} could not install {blamed}. It said: ") and "\x1b" not in said


def test_a_failure_holds_the_last_lines_only() -> None:
    output = "\n".join(f"line {n}\r{'=' * 10}" for n in range(100)) + "\n\n  \x07the end\n"
    lines = failure("pip", ["a"], output).splitlines()
    assert lines[-1] == "the end" and len(lines) == packages.LAST_LINES
    assert len(failure("pip", ["a"], "x" * 10_000)) < packages.LONGEST + 100
    assert failure("pip", ["a"], "").endswith("It said: nothing.")


def test_what_a_kind_cannot_install() -> None:
    said = refused("apt", "bubblewrap", ("npm", "pip"))
    assert said.startswith(
        "config.packages.apt: bubblewrap sandboxes install npm and pip packages only. Use Docker"
    )
    assert "cannot install packages" in refused("pip", "landlock", ())
