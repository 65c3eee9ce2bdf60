"""The program inside every sandbox: bash and the file tools over JSON lines.

Standard library only, Python 3.8 or later; shipped as one zip (see `sandbox.zipapp`). `typing` is there for
checks alone: loading it takes half a megabyte of every sandbox.

Trust model. The toolhost runs as the same user as the commands it runs: it keeps no secret and is
no boundary: the sandbox around it is. Its own duties are order (one shell, whole process trees end
with their call), bounded output, and paths of the file tools that stay inside the session's roots.

Protocol, one JSON object a line. First ``{"hello": "toolhost", "protocol": 2}``. Requests
``{"id", "op": "call", "name", "input"}``, ``{"id", "op": "ping"}``,
``{"id", "op": "pause"}``, ``{"id", "op": "resume"}``, ``{"op": "root", "virtual", "real"}``,
``{"op": "cancel", "ids": [...]}`` (no ids: everything). A call with a ``"session"`` runs in that session's
own toolhost below this one (`sessions`), which ``{"op": "leave", "session"}`` ends. Answers
``{"id", "content", "is_error"}``.
The end of stdin ends the toolhost and every process below it.
"""
