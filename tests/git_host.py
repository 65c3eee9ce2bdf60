"""A git host on loopback that plays the remote party: bare repositories behind ``git http-backend``."""

from __future__ import annotations

import base64
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TOKEN = "ghp_a-token-of-the-tests"
PERSON = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]


class GitHost:
    """One host. `url` is its base; every repository there is below ``owner/``.

    private: repositories that want `TOKEN`. forbidden: those that nobody may read. moved: those that
    answer with a redirect. slow: those that never answer. asked: the paths that were asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.private: set[str] = set()
        self.forbidden: set[str] = set()
        self.moved: dict[str, str] = {}
        self.slow: set[str] = set()
        self.asked: list[str] = []
        self.released = threading.Event()
        host = self

        class Handler(_Handler):
            git_host = host

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def address(self, name: str) -> str:
        return f"{self.url}/owner/{name}"

    def repository(self, name: str, files: dict[str, bytes], *, links: dict[str, str] | None = None) -> str:
        """Make a repository with one commit on ``main``; the hash of the commit."""
        work = self.folder / "work" / name
        work.mkdir(parents=True)
        self.git("init", "--quiet", str(work))
        self.commit(name, files, links=links)
        bare = self.folder / "bare" / "owner" / name
        bare.parent.mkdir(parents=True, exist_ok=True)
        self.git("clone", "--quiet", "--bare", str(work), str(bare))
        self.git("-C", str(work), "remote", "add", "origin", str(bare))
        return self.git("-C", str(work), "rev-parse", "HEAD").strip()

    def commit(
        self, name: str, files: dict[str, bytes], *, links: dict[str, str] | None = None, push: str = ""
    ) -> str:
        """One more commit; pushed to the branch `push` where there is one. Its hash."""
        work = self.folder / "work" / name
        for path, data in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(data)
        for path, target in (links or {}).items():
            (work / path).symlink_to(target)
        self.git("-C", str(work), "add", "--all")
        self.git("-C", str(work), *PERSON, "commit", "--quiet", "--allow-empty", "-m", "change")
        if push:
            self.git("-C", str(work), "push", "--quiet", "origin", f"HEAD:refs/heads/{push}")
        return self.git("-C", str(work), "rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        command = ["git", *PERSON, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    @contextmanager
    def serving(self) -> Iterator[GitHost]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    git_host: GitHost

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        host, parts = self.git_host, urlsplit(self.path)
        name = parts.path.split("/")[2] if parts.path.count("/") > 2 else ""
        host.asked.append(self.path)
        if name in host.slow:
            host.released.wait(30)
        if name in host.moved:
            self._answer(301, {"Location": host.moved[name] + self.path.split(name, 1)[1]})
        elif name in host.forbidden:
            self._answer(403, {})
        elif name in host.private and not self._knows_token():
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._backend(parts.path, parts.query)

    do_POST = do_GET

    def _knows_token(self) -> bool:
        login = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {login}"

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _backend(self, path: str, query: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        variables = {
            "GIT_PROJECT_ROOT": str(self.git_host.folder / "bare"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_1": "true",
            "PATH": "/usr/bin:/bin",
        }
        ran = subprocess.run(["git", "http-backend"], input=body, env=variables, capture_output=True)
        head, _, content = ran.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200").split()[0])
        self._answer(status, headers, content)
