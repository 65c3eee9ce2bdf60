"""Which Messages API endpoint answers, and with which key.

Both are the server's: the kernel never sees the key. Source: docs/decisions.md "Model endpoint".
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from jupyter_agents.domain.policy import Policy
from jupyter_agents.errors import InvalidRequest

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

PUBLIC = "https://api.anthropic.com"
LOCAL_KEY = "local-endpoint-needs-no-key"

KeySource = Literal["environment", "login", "dummy", "none"]


class Endpoint:
    """The endpoint as the administrator's trait, the environment and `%agent login` make it.

    Parameters
    ----------
    folder:
        The data directory, where a key given by login is kept with mode 0600.
    base_url:
        The trait ``model_base_url``; "" asks the environment.
    environment:
        Where ``JUPYTER_AGENTS_MODEL_URL``, ``ANTHROPIC_BASE_URL`` and ``ANTHROPIC_API_KEY`` are read.
    policy:
        Which endpoints may be asked; by default every one.
    """

    def __init__(
        self,
        folder: Path,
        base_url: str = "",
        environment: Mapping[str, str] = os.environ,
        policy: Policy | None = None,
    ) -> None:
        self._path = folder / "credentials.json"
        self._environment = environment
        self._trait = base_url
        self._policy = policy or Policy()
        self._clients: dict[tuple[str, str], AsyncAnthropic] = {}
        self._making = threading.Lock()
        self.own_urls: tuple[str, ...] = ()

    @property
    def base_url(self) -> str:
        """Address of the endpoint, without ``/v1``."""
        names = ("JUPYTER_AGENTS_MODEL_URL", "ANTHROPIC_BASE_URL")
        found = self._trait or next((v for n in names if (v := self._environment.get(n))), PUBLIC)
        return found.rstrip("/").removesuffix("/v1")

    def key(self) -> tuple[str | None, KeySource]:
        """The key and where it is from; a local endpoint gets one that means nothing."""
        saved = self._saved()
        if saved:
            return saved, "login"
        given = self._environment.get("ANTHROPIC_API_KEY")
        if given:
            return given, "environment"
        return (LOCAL_KEY, "dummy") if self.base_url != PUBLIC else (None, "none")

    def problem(self) -> str | None:
        """Why no request can be made, with what to do; None where one can."""
        if not _is_address(self.base_url):
            return f"The model endpoint {self.base_url!r} is not an http(s) address."
        if any(_same_place(self.base_url, own) for own in self.own_urls):
            return (
                "The model endpoint is this server itself. Set JUPYTER_AGENTS_MODEL_URL to a "
                "Messages API endpoint and restart."
            )
        refused = self._policy.endpoint_problem(self.base_url)
        if refused is not None:
            return refused
        if self.key()[0] is None:
            return (
                "There is no API key. Run `%agent login`, or set ANTHROPIC_API_KEY (or "
                "JUPYTER_AGENTS_MODEL_URL for a local model) and restart the server."
            )
        return None

    def client(self) -> AsyncAnthropic:
        """A client of the endpoint as it is set up now; one per address and key."""
        import anthropic

        key = self.key()[0] or ""
        place = (self.base_url, key)
        with self._making:
            if place not in self._clients:
                loopback = is_loopback(urlsplit(self.base_url).hostname)
                self._clients[place] = anthropic.AsyncAnthropic(
                    base_url=self.base_url,
                    api_key=key,
                    max_retries=0,
                    http_client=anthropic.DefaultAsyncHttpxClient(trust_env=not loopback),
                )
            return self._clients[place]

    def prepare(self) -> None:
        """Make the client ahead of the first request, where one can be made. Blocks for some 50 ms: that
        long certificates take to load."""
        if self.problem() is None:
            self.client()

    def login(self, key: str) -> None:
        """Keep a key; it is used from the next request on."""
        if not key.strip() or len(key) > 1000 or not key.isascii() or not key.isprintable():
            raise InvalidRequest("api_key: this does not look like an API key.")
        temporary = self._path.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({"api_key": key.strip()}), "utf-8")
        temporary.replace(self._path)

    def logout(self) -> None:
        """Forget the key that `login` kept. Idempotent."""
        self._path.unlink(missing_ok=True)

    def status(self, default_model: str) -> dict[str, Any]:
        """The ``model`` part of ``local/status``."""
        problem = self.problem()
        return {
            "base_url": self.base_url,
            "default_model": default_model,
            "key": self.key()[1],
            "ready": problem is None,
            "problem": problem,
        }

    async def close(self) -> None:
        """Close the clients."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    def _saved(self) -> str | None:
        try:
            saved = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        key = saved.get("api_key") if isinstance(saved, dict) else None
        return key if isinstance(key, str) else None


def is_loopback(host: str | None) -> bool:
    """Whether `host` is this machine and no other, so that no HTTP proxy stands before it."""
    return host in ("localhost", "0.0.0.0", "::", "::1") or (host or "").startswith("127.")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def _same_place(url: str, own: str) -> bool:
    """Whether `url` lies below `own`, by whatever name this machine is called."""
    there, here = urlsplit(url), urlsplit(own)
    if there.port != here.port or not (there.path + "/").startswith(here.path.rstrip("/") + "/"):
        return False
    return there.hostname == here.hostname or (is_loopback(there.hostname) and _is_here(here.hostname))


def _is_here(host: str | None) -> bool:
    return is_loopback(host) or host == socket.gethostname()
