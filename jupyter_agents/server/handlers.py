"""The base of every handler: parse once, answer JSON, errors in the wire's shape, pages.

Every verb is authenticated and authorized by Jupyter; ``x-api-key`` is read as a Jupyter token.
Source: spec section 0.
"""

from __future__ import annotations

import errno
import json
import math
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NoReturn

from jupyter_server.base.handlers import APIHandler

from jupyter_agents import wire
from jupyter_agents.errors import ApiError, Internal, InvalidRequest, RateLimited, TooLarge
from jupyter_agents.ids import parse_time, rfc3339
from jupyter_agents.runtime.context import Context
from jupyter_agents.server.rates import Rates, kind_of
from jupyter_agents.store.catalog import Page, Where
from jupyter_agents.store.pages import Cursor, parse_cursor

Doc = dict[str, Any]

MAX_BODY = 32 * 1024 * 1024
AUTH_RESOURCE = "jupyter-agents"
NO_RETRY = {409}
LONGEST_USER_NAME = 200
WHO_HAS_THE_TOKEN = "a client with the server's token"
XSRF = (
    "With a cookie a request needs its XSRF token: send the _xsrf cookie's value in X-XSRFToken, "
    "or use Authorization: Bearer <token>."
)
NO_CURSOR = "page: this is not a cursor of this list."
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

Operator = Literal[">", ">=", "<", "<="]
OPERATORS: tuple[tuple[str, Operator], ...] = (("gt", ">"), ("gte", ">="), ("lt", "<"), ("lte", "<="))

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
}


class Handler(APIHandler):
    """Base handler.

    Errors of ours answer with their status and wire body; anything else is a 500 whose details stand
    in the log only.
    """

    auth_resource = AUTH_RESOURCE

    @property
    def context(self) -> Context:
        """The runtime of this server."""
        context: Context = self.settings["jupyter_agents_context"]
        return context

    @property
    def user_name(self) -> str:
        """The name of the user who asks, as Jupyter knows it.

        The server's own token names nobody: Jupyter makes up a name for each such request.
        """
        if self._shares_one_user and self.identity_provider.get_user_cookie(self) is None:
            return WHO_HAS_THE_TOKEN
        user = self.current_user
        return str(user.display_name or user.name or user.username)[:LONGEST_USER_NAME]

    async def prepare(self) -> None:  # type: ignore[override]
        """Give the answer its id, read ``x-api-key`` as a token, and count the request."""
        self.set_header("request-id", self._request_id())
        key = self.request.headers.get("x-api-key")
        if key and "Authorization" not in self.request.headers:
            self.request.headers["Authorization"] = f"token {key}"
        found = super().prepare()
        if found is not None:
            await found
        self._count()

    def set_default_headers(self) -> None:
        """Jupyter's, and no caching."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> None:
        """None: nobody may keep an answer, so there is nothing to compare a digest with."""

    def body(self, validate: wire.Validator | None = None) -> Doc:
        """The JSON body, checked. An empty body is an empty object."""
        raw = self.request.body
        if len(raw) > MAX_BODY:
            raise TooLarge(f"The body has {len(raw)} bytes, at most {MAX_BODY} are allowed.")
        try:
            value = json.loads(raw.decode() or "{}", parse_constant=_no_constant, parse_float=_finite)
            if SURROGATE.search(raw):
                json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InvalidRequest("The body has half of a surrogate pair, which is no text.") from None
        except RecursionError:
            raise InvalidRequest("The body is nested too deeply.") from None
        except ValueError as error:
            raise InvalidRequest(f"The body is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise InvalidRequest("the request body: expected an object.")
        return validate(value) if validate is not None else value

    def arguments(self, read: Callable[[Mapping[str, list[str]]], Doc]) -> Doc:
        """The query string, typed."""
        given = {
            name: [v.decode("utf-8", "replace") for v in values]
            for name, values in self.request.query_arguments.items()
        }
        return read(given)

    def reply(self, value: Mapping[str, Any] | Iterable[str], status: int = 200) -> None:
        """Answer JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(value))

    def reply_page(self, page: Page, show: Callable[[Doc], Doc], *, previous: bool = False) -> None:
        """Answer one page of a list."""
        body: Doc = {
            "data": [show(doc) for doc in page.data],
            "next_page": None if page.next is None else str(page.next),
        }
        if previous:
            body["prev_page"] = None if page.previous is None else str(page.previous)
        self.reply(body)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The wire's error body (spec section 0.4)."""
        info = kwargs.get("exc_info")
        error = api_error(status_code, info[1] if info else None)
        status = error.status if error is not None else status_code
        self.clear_header("Content-Length")
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.set_header("request-id", self._request_id())
        if status in NO_RETRY:
            self.set_header("x-should-retry", "false")
        if isinstance(error, RateLimited):
            self.set_header("retry-after", str(error.retry_after))
        reason = str(getattr(info[1], "log_message", "")) if info else ""
        body = error.body(self._request_id()) if error is not None else self._plain(status, reason)
        self.finish(json.dumps(body))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Only our own faults are worth a traceback."""
        if not isinstance(value, ApiError):
            super().log_exception(typ, value, tb)

    def _count(self) -> None:
        """Raises `RateLimited` where the user has made too many requests."""
        kind = kind_of(self.request.method or "", self.request.path)
        if self.current_user is None or kind is None:
            return
        rates: Rates = self.settings["jupyter_agents_rates"]
        rates.check("" if self._shares_one_user else self.current_user.username, kind)

    @property
    def _shares_one_user(self) -> bool:
        """Whether Jupyter tells the users of this server apart by nothing but a cookie."""
        return type(self.identity_provider).__module__.startswith("jupyter_server.")

    def _plain(self, status: int, reason: str) -> Doc:
        known = {
            403: XSRF if "_xsrf" in reason or "XSRF" in reason else "This token may not do that.",
            404: f"There is nothing at {self.request.path[:200]}.",
            405: f"{self.request.method} is not possible here.",
            413: "The body is too large.",
        }
        if status == 403 and self.current_user is None:
            status = 401
            self.set_status(401)
            known[401] = "Give a Jupyter token: Authorization: Bearer <token>."
        message = known.get(status, self._reason)
        error = {"type": TYPES.get(status, "invalid_request_error"), "message": message}
        return {"type": "error", "error": error, "request_id": self._request_id()}

    def _request_id(self) -> str:
        """The id of this answer; one that fails before `prepare` has one too."""
        if not hasattr(self, "request_id"):
            self.request_id = self.context.new_id("req")
        return self.request_id


def api_error(status: int, error: BaseException | None) -> ApiError | None:
    """What the wire says of an exception; None for an HTTP error that Jupyter or tornado made."""
    match error:
        case ApiError():
            return error
        case RecursionError():
            return InvalidRequest("The body is nested too deeply.")
        case sqlite3.Error():
            return Internal(f"The store cannot be used: {error}. Is the disk full?")
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return Internal("The disk is full. Free some space, then try again.")
    if status >= 500:
        return Internal("The server met an error of its own; its log has the details.")
    return None


def check_limit(limit: int | None, default: int, most: int) -> int:
    """The page size; raises `InvalidRequest` outside of 1 to `most`."""
    if limit is None:
        return default
    if not 1 <= limit <= most:
        raise InvalidRequest(f"limit: expected 1 to {most}.")
    return limit


def age_cursor(page: str | None, order: str, prefix: str) -> Cursor | None:
    """The cursor of a list by age; its key is ``(created_at, id)``, its ids begin with `prefix`.

    Raises `InvalidRequest` for one that is none, of another order or of another list.
    """
    cursor = parse_cursor(page, order, str, str)
    if cursor is not None and not cursor.key[1].startswith(f"{prefix}_"):
        raise InvalidRequest(NO_CURSOR)
    return cursor


def age_bounds(given: Doc, cursor: Cursor | None) -> Where:
    """The ``created_at[...]`` filters as a condition.

    Raises `InvalidRequest` for a time that is none, or one that excludes the cursor's place.
    """
    where = Where()
    for operator, moment in bounds(given, None if cursor is None else cursor.key[0]):
        where &= Where((f"created_at {operator} ?",), (moment,))
    return where


def bounds(given: Doc, place: str | None) -> list[tuple[Operator, str]]:
    """The ``created_at[...]`` filters, with times as they are stored.

    Raises `InvalidRequest` for a time that is none, or one that excludes `place`, the time at which
    the page cursor stands.
    """
    found: list[tuple[Operator, str]] = []
    for suffix, operator in OPERATORS:
        text = given.get(f"created_at_{suffix}")
        if text is None:
            continue
        moment = _moment(f"created_at[{suffix}]", text)
        if place is not None and _excludes(place, operator, moment):
            raise InvalidRequest(f"created_at[{suffix}]: it excludes the place of the page cursor.")
        found.append((operator, moment))
    return found


def _moment(name: str, text: str) -> str:
    try:
        return rfc3339(parse_time(text))
    except (ValueError, OverflowError):
        raise InvalidRequest(f"{name}: {text[:50]!r} is not an RFC 3339 time.") from None


def _excludes(place: str, operator: Operator, moment: str) -> bool:
    return not {
        ">": place > moment,
        ">=": place >= moment,
        "<": place < moment,
        "<=": place <= moment,
    }[operator]


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError(f"{text[:50]} is too large a number")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
