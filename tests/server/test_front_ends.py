from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from jupyter_agents.server import front_ends
from jupyter_agents.server.front_ends import FrontEnds
from tests.support import Server

SAID = {"version": "0.1.0", "notebook": "work/here.ipynb"}


def test_a_page_announces_itself_and_the_kernel_finds_it(server: Server) -> None:
    path = f"local/front-ends/{uuid4()}"
    assert server.request("GET", path).status_code == 404
    assert server.request("POST", path, json=SAID).json() == SAID
    found = server.request("GET", path).json()
    assert found == SAID | {"path": str(server.home.root / "work/here.ipynb")}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"version": "0.1.0"},
        SAID | {"more": 1},
        SAID | {"version": "<b>"},
        SAID | {"notebook": ""},
        SAID | {"notebook": "x" * 1025},
        SAID | {"notebook": "a\0b"},
        SAID | {"notebook": 5},
    ],
)
def test_what_is_no_announcement(server: Server, body: Any) -> None:
    assert server.request("POST", f"local/front-ends/{uuid4()}", json=body).status_code == 400


def test_a_page_that_says_nothing_more_is_forgotten() -> None:
    now = [0.0]
    found = FrontEnds(lambda: now[0])
    found.announce("k1", "0.1.0", "a.ipynb")
    now[0] = front_ends.FORGET_SECONDS
    assert found.find("k1") is not None
    now[0] += 1
    assert found.find("k1") is None


def test_the_oldest_page_makes_room() -> None:
    found = FrontEnds()
    for n in range(front_ends.MOST + 1):
        found.announce(f"k{n}", "0.1.0", "a.ipynb")
    assert found.find("k0") is None and found.find("k1") is not None
