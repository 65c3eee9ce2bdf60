from __future__ import annotations

import pytest

from jupyter_agents.domain.web_domains import domains
from jupyter_agents.errors import InvalidRequest


@pytest.mark.parametrize(
    "name",
    [
        "example.com",
        "docs.Example.COM",
        "a-b.co.uk",
        "xn--bcher-kva.example",
        "someone.github.io",
        "a.b.c.d.example.org",
        "x" * 63 + ".com",
    ],
)
def test_a_plain_host(name: str) -> None:
    assert domains("d", [name], paths=False) == [name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "1 to 255"),
        ("a." * 126 + "com.x", "1 to 255"),
        ("https://example.com", "scheme"),
        ("example.com:443", "port"),
        ("*.example.com", "wildcard"),
        ("10.0.0.1", "IP addresses are not supported"),
        ("[::1]", "IP addresses are not supported"),
        ("2001:db8::1", "IP addresses are not supported"),
        ("1.2.3", "IP addresses are not supported"),
        ("intranet", "single label"),
        ("localhost", "not a public host"),
        ("a.localhost", "not a public host"),
        ("printer.local", "not a public host"),
        ("metadata.internal", "not a public host"),
        ("co.uk", "public suffix"),
        ("github.io", "public suffix"),
        ("CO.UK", "public suffix"),
        ("bücher.example", "ASCII"),
        ("example.com/docs", "path"),
        ("-a.example.com", "not a host name"),
        ("a..example.com", "not a host name"),
        ("example.com.", "not a host name"),
        ("a b.example.com", "not a host name"),
        ("user@example.com", "not a host name"),
        ("x" * 64 + ".com", "not a host name"),
    ],
)
def test_what_is_no_domain(name: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        domains("d", ["fine.example", name], paths=False)
    assert caught.value.message.startswith("d.1: ") and reason in caught.value.message


@pytest.mark.parametrize("name", ["example.com/docs", "example.com/a/b?c=d", "example.com/"])
def test_a_path_where_paths_may_be(name: str) -> None:
    assert domains("d", [name], paths=True) == [name]
    for wrong in (f"{name} x", f"co.uk/{name}", f"{name}\n"):
        with pytest.raises(InvalidRequest):
            domains("d", [wrong], paths=True)


def test_a_domain_is_given_once() -> None:
    with pytest.raises(InvalidRequest, match=r"d\.1: .*twice"):
        domains("d", ["a.example", "A.example"], paths=True)
    assert domains("d", ["a.example/x", "a.example/X"], paths=True) is not None


def test_one_to_sixty_four() -> None:
    names = [f"a{n}.example" for n in range(65)]
    assert domains("d", names[:64], paths=False) == names[:64]
    for wrong in (names, []):
        with pytest.raises(InvalidRequest, match=r"^d: give 1 to 64"):
            domains("d", wrong, paths=False)
    assert domains("d", None, paths=False) is None
