"""What can go wrong, as one tree.

::

    JupyterAgentsError
    |-- ApiError                  an answer of the API: HTTP status, wire type, message
    |   |-- InvalidRequest        400 invalid_request_error
    |   |   `-- NotSupported      400, error_code "not_supported": a feature that is not built
    |   |-- Unauthenticated       401 authentication_error
    |   |-- PermissionDenied      403 permission_error
    |   |-- NotFound              404 not_found_error
    |   |-- Conflict              409 conflict_error (never retried by the SDK)
    |   |-- TooLarge              413 request_too_large
    |   |-- RateLimited           429 rate_limit_error
    |   `-- Internal              500 api_error
    |-- ModelError                the model's endpoint: transient (tried again) or not
    |-- SandboxError
    |   |-- LimitExceeded         the sandbox works, a limit of it was hit
    |   `-- SandboxUnavailable    the provider failed: no engine, no permission, it died
    `-- UserError                 one plain sentence for a person at a notebook or a shell

A command that fails inside a sandbox is none of these: it is a tool result with ``is_error``.

Source: spec section 0.4 (wire types), docs/architecture.md (three kinds of sandbox failure).
"""

from __future__ import annotations

from typing import Any, ClassVar


class JupyterAgentsError(Exception):
    """Base of everything this package raises on purpose."""


class ApiError(JupyterAgentsError):
    """An error with a status and a wire type, ready to be sent.

    Parameters
    ----------
    message:
        One sentence that says what was wrong and what to do.
    code:
        ``error.details.error_code`` of the wire body, if any.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    def body(self, request_id: str) -> dict[str, Any]:
        """The wire body of this error (spec section 0.4)."""
        error: dict[str, Any] = {"type": self.type, "message": self.message}
        if self.code is not None:
            error["details"] = {"error_code": self.code}
        return {"type": "error", "error": error, "request_id": request_id}


class InvalidRequest(ApiError):
    """The request is malformed, breaks a limit, or does not fit the state."""

    status = 400
    type = "invalid_request_error"


class NotSupported(InvalidRequest):
    """The API knows the feature, this server does not run it yet."""

    def __init__(self, feature: str) -> None:
        super().__init__(f"{feature} is not supported by this server.", code="not_supported")


class Unauthenticated(ApiError):
    """No credential, or one that this server does not know."""

    status = 401
    type = "authentication_error"


class PermissionDenied(ApiError):
    """Known, but not allowed to do this."""

    status = 403
    type = "permission_error"


class NotFound(ApiError):
    """No such object."""

    status = 404
    type = "not_found_error"


class Conflict(ApiError):
    """The object is in a state that excludes the request."""

    status = 409
    type = "conflict_error"


class TooLarge(ApiError):
    """A body or a file above the limit."""

    status = 413
    type = "request_too_large"


class RateLimited(ApiError):
    """Too many requests.

    Parameters
    ----------
    retry_after:
        Seconds after which the same request has room again.
    """

    status = 429
    type = "rate_limit_error"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Internal(ApiError):
    """A fault of this server."""


class ModelError(JupyterAgentsError):
    """The model's endpoint failed.

    Parameters
    ----------
    message:
        Plain words for the user, with what to do.
    type:
        A ``session.error`` type (spec section 4.5), such as ``model_overloaded_error``.
    transient:
        True where the same request may succeed later.
    too_long:
        True where the request was refused because it is longer than the model's context window.
    """

    def __init__(self, message: str, *, type: str, transient: bool, too_long: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.type = type
        self.transient = transient
        self.too_long = too_long


class SandboxError(JupyterAgentsError):
    """Base of sandbox trouble that is not a failing command."""


class LimitExceeded(SandboxError):
    """A limit of the sandbox was hit, such as ``out of memory (1 GiB)``; the sandbox goes on."""


class SandboxUnavailable(SandboxError):
    """The provider failed: it could not start a sandbox, or the running one died.

    Parameters
    ----------
    message:
        What happened and what to do.
    was_running:
        True where a sandbox had been running: the next call gets a fresh one.
    """

    def __init__(self, message: str, *, was_running: bool = False) -> None:
        super().__init__(message)
        self.was_running = was_running


class UserError(JupyterAgentsError):
    """One plain sentence for a person: what is wrong and what to do. Shown without a traceback."""
