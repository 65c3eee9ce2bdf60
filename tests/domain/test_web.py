from __future__ import annotations

import pytest

from jupyter_agents.domain import web


@pytest.mark.parametrize(
    ("domain", "host", "path", "covered"),
    [
        ("example.com", "example.com", "/", True),
        ("Example.com", "docs.example.com", "/x", True),
        ("example.com", "badexample.com", "/", False),
        ("docs.example.com", "example.com", "/", False),
        ("example.com/blog", "example.com", "/blog", True),
        ("example.com/blog", "www.example.com", "/blog/1", True),
        ("example.com/blog", "example.com", "/blogger", False),
        ("example.com/blog", "example.com", "/", False),
        ("example.com/", "example.com", "/anything", True),
    ],
)
def test_a_domain_covers_what_is_below_it(domain: str, host: str, path: str, covered: bool) -> None:
    assert web.covers(domain, host, path) == covered
    allowed = web.domain_refusal({"allowed_domains": [domain]}, host, path)
    blocked = web.domain_refusal({"blocked_domains": [domain]}, host, path)
    assert (allowed is None, blocked is None) == (covered, not covered)


def test_without_lists_every_host_is_let_through() -> None:
    assert web.domain_refusal({}, "any.example") is None
