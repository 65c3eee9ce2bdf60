"""ScriptedModel: a Messages API endpoint on loopback that plays a script.

::

    with ScriptedModel([[call("bash", command="echo hi")], [say("Done.")]]) as model:
        os.environ["ANTHROPIC_BASE_URL"] = model.url

Each entry of the script answers one request: a list of content blocks, a `Reply`, a `Fault`, or a
function from the request body to any of these. Requests are kept in `ScriptedModel.requests`.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Doc = dict[str, Any]

COMPACTION_BETA = "compact-2026-09-04"

_ids = itertools.count(1)


@dataclass(frozen=True)
class Reply:
    """One answer. chunk: characters per text delta; delay: seconds before each delta.

    A block's ``text`` may be an iterator of its deltas, made as they are sent.
    """

    content: Sequence[Doc]
    stop_reason: str | None = None
    usage: Doc = field(default_factory=lambda: {"input_tokens": 100, "output_tokens": 20})
    chunk: int = 20
    delay: float = 0.0
    stop_details: Doc | None = None


@dataclass(frozen=True)
class Fault:
    """A failure: an HTTP status, a stream that breaks off (``broken``), or one with an error (``late``).

    hang: seconds before an answer with `status`.
    """

    status: int = 529
    type: str = "overloaded_error"
    message: str = "Overloaded"
    broken: bool = False
    late: bool = False
    hang: float = 0.0


Entry = Sequence[Doc] | Reply | Fault | Callable[[Doc], Any]


def say(text: str) -> Doc:
    """A text block."""
    return {"type": "text", "text": text}


def think(text: str = "Hm.") -> Doc:
    """A thinking block."""
    return {"type": "thinking", "thinking": text, "signature": "sig-of-" + text[:8]}


def summary(text: str) -> Doc:
    """A compaction block, as an endpoint that summarises by itself answers it."""
    return {"type": "compaction", "content": text, "signature": "sig-of-" + text[:8]}


def call(name: str, **input: Any) -> Doc:
    """A tool_use block with an id of its own."""
    return {"type": "tool_use", "id": f"toolu_{next(_ids):08}", "name": name, "input": input}


class ScriptedModel:
    """The endpoint. Use as a context manager, or `start` and `close`.

    Parameters
    ----------
    script:
        Answers in order; a request beyond its end gets a 400 that says so.
    models:
        Ids that ``/v1/models`` offers; a request for another one is a 404 when given.
    key:
        The key to insist on; None takes any.
    """

    def __init__(
        self, script: Sequence[Entry] = (), *, models: Sequence[str] = (), key: str | None = None
    ) -> None:
        self.script: list[Entry] = list(script)
        self.requests: list[Doc] = []
        self.models = tuple(models)
        self.key = key
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The base URL for the SDK."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> ScriptedModel:
        """Serve in a thread."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.close()

    def next(self, request: Doc) -> Reply | Fault:
        """The answer to `request`."""
        with self._lock:
            self.requests.append(request)
            entry: Any = self.script.pop(0) if self.script else None
        if callable(entry):
            entry = entry(request)
        if entry is None:
            return Fault(400, "invalid_request_error", "The script of this test model has ended.")
        if isinstance(entry, Reply | Fault):
            return entry
        return Reply(list(entry))


class _Server(ThreadingHTTPServer):
    """A client that goes away in mid-answer is no fault."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what went wrong, unless the client left."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            if model.key is not None and not self._has_key(model.key):
                self._error(Fault(401, "authentication_error", "invalid x-api-key"))
                return
            data = [
                {"type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z"}
                for id in model.models
            ]
            self._json(200, {"data": data, "has_more": False, "first_id": None, "last_id": None})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if model.key is not None and not self._has_key(model.key):
                self._error(Fault(401, "authentication_error", "invalid x-api-key"))
                return
            if model.models and body["model"] not in model.models:
                self._error(Fault(404, "not_found_error", f"model: {body['model']}"))
                return
            answer = model.next(body)
            if _compacts(body) and COMPACTION_BETA not in self.headers.get("anthropic-beta", ""):
                answer = Fault(400, "invalid_request_error", "compaction: Extra inputs are not permitted")
            if isinstance(answer, Fault) and not (answer.broken or answer.late):
                time.sleep(answer.hang)
                self._error(answer)
                return
            self._stream(body, answer)

        def _has_key(self, key: str) -> bool:
            given = self.headers.get("x-api-key") or self.headers.get("authorization") or ""
            return given.removeprefix("Bearer ") == key

        def _stream(self, body: Doc, answer: Reply | Fault) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            fault = answer if isinstance(answer, Fault) else None
            reply = Reply([say("This breaks")]) if isinstance(answer, Fault) else answer
            try:
                for event in stream_events(body["model"], reply):
                    if fault is not None and event["type"] == "content_block_stop":
                        if fault.late:
                            error = {"type": fault.type, "message": fault.message}
                            self._frame({"type": "error", "error": error})
                        self.close_connection = True
                        return
                    if event["type"] == "content_block_delta":
                        time.sleep(reply.delay)
                    self._frame(event)
                self.wfile.write(b"0\r\n\r\n")
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _frame(self, event: Doc) -> None:
            frame = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self.wfile.write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")

        def _error(self, fault: Fault) -> None:
            error = {"type": fault.type, "message": fault.message}
            self._json(fault.status, {"type": "error", "error": error})

        def _json(self, status: int, value: Doc) -> None:
            raw = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    return Handler


def _compacts(body: Doc) -> bool:
    """Whether a request uses what only a beta of the Messages API takes."""
    blocks = [block for message in body["messages"] for block in message["content"]]
    return "compaction" in body or any(isinstance(b, dict) and b["type"] == "compaction" for b in blocks)


def stream_events(model: str, reply: Reply) -> Iterator[Doc]:
    """The server-sent events of one streamed answer, as the Messages API writes them."""
    has_call = any(block["type"] == "tool_use" for block in reply.content)
    summed_up = any(block["type"] == "compaction" for block in reply.content)
    stop = reply.stop_reason or ("tool_use" if has_call else "compaction" if summed_up else "end_turn")
    message: Doc = {
        "id": f"msg_{next(_ids):08}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": reply.usage | {"output_tokens": 1},
    }
    yield {"type": "message_start", "message": message}
    for index, block in enumerate(reply.content):
        yield {"type": "content_block_start", "index": index, "content_block": _empty(block)}
        for delta in _deltas(block, reply.chunk):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end: Doc = {"stop_reason": stop, "stop_sequence": None}
    if reply.stop_details is not None:
        end["stop_details"] = reply.stop_details
    usage = {"output_tokens": reply.usage.get("output_tokens", 0)}
    yield {"type": "message_delta", "delta": end, "usage": usage}
    yield {"type": "message_stop"}


def _empty(block: Doc) -> Doc:
    match block["type"]:
        case "text":
            return {"type": "text", "text": ""}
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "compaction":
            return block | {"content": None}
        case "redacted_thinking":
            return block
        case kind if kind.endswith("_tool_result"):
            return block
        case _:
            return block | {"input": {}}


def _deltas(block: Doc, chunk: int) -> Iterator[Doc]:
    match block["type"]:
        case "text":
            text = block["text"]
            for part in _parts(text, chunk) if isinstance(text, str) else text:
                yield {"type": "text_delta", "text": part}
            for citation in block.get("citations", ()):
                yield {"type": "citations_delta", "citation": citation}
        case "thinking":
            yield {"type": "thinking_delta", "thinking": block["thinking"]}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "compaction":
            yield {"type": "compaction_delta", "content": block["content"]}
        case "redacted_thinking":
            return
        case kind if kind.endswith("_tool_result"):
            return
        case _:
            for part in _parts(json.dumps(block["input"]), 200):
                yield {"type": "input_json_delta", "partial_json": part}


def _parts(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]
