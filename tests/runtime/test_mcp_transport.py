from __future__ import annotations

import pytest

from jupyter_agents.runtime.mcp_config import McpConfig
from jupyter_agents.runtime.mcp_transport import Transport, Unusable


def test_new_http_servers_are_tried_first_and_old_programs() -> None:
    assert [mode for _, mode in Transport("https://a.example", McpConfig()).ways] == ["auto", "legacy"]
    assert [mode for _, mode in Transport("stdio:a", McpConfig()).ways] == ["legacy", "auto"]


@pytest.mark.parametrize(
    ("url", "words"),
    [("stdio:a", "not set up"), ("ftp://a.example", "http"), ("https://u:p@a.example", "password")],
)
async def test_what_got_past_the_checks_at_creation_is_still_refused(url: str, words: str) -> None:
    transport = Transport(url, McpConfig())
    way, _ = transport.ways[0]
    with pytest.raises(Unusable, match=words) as caught:
        async with way():
            pass
    assert "u:p" not in str(caught.value)
    assert transport.status is None and not transport.denied
