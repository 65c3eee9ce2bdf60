"""``%agent`` and ``%%agent``.

A call that cannot be made, and a turn that failed, raise an `AgentError`: the cell shows one
message without a traceback and counts as failed, so that "Run All", papermill and nbclient stop.
"""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from jupyter_agents.errors import UserError
from jupyter_agents.kernel import commands, front, options, toolbox, variables
from jupyter_agents.kernel.call import call, expand
from jupyter_agents.kernel.client import begin_embedded
from jupyter_agents.kernel.completion import complete
from jupyter_agents.kernel.known import Known
from jupyter_agents.kernel.notebook import Notebook, current
from jupyter_agents.kernel.problems import AgentError, RunFailed, did_you_mean, explain
from jupyter_agents.kernel.run import Run

CELL_HELP = f"""Send the cell's text to an agent and show what it does.

{options.help_text(options.call_parser())}
The text is literal. A further cell goes on in the same session. {{{{ name }}}} is expanded with
--expand only. The Run has text, files, events, usage, cost, session; without -o it is _run.
A turn that fails is an error without a traceback, so that "Run All" and papermill stop there."""


@magics_class
class AgentMagics(Magics):
    """The magics; `notebook` is the state behind them."""

    def __init__(self, shell: InteractiveShell, notebook: Notebook) -> None:
        super().__init__(shell)
        self.notebook = notebook
        self._commands = commands.Commands(notebook, print, self.interactive, self._names())

    @no_var_expand
    @line_magic
    def agent(self, line: str) -> Any:
        return self._plainly(lambda: self._line(line.strip()))

    @no_var_expand
    @cell_magic("agent")  # type: ignore[arg-type]
    def agent_cell(self, line: str, cell: str) -> Any:
        return self._plainly(lambda: self._cell(line, cell))

    def interactive(self) -> bool:
        """Whether someone can type an answer: never under papermill or nbclient."""
        return front.can_type()

    def _line(self, line: str) -> Any:
        word, _, rest = line.partition(" ")
        if not word:
            return self._commands.state()
        if word not in options.SUBCOMMANDS:
            hint = did_you_mean(word, options.SUBCOMMANDS)
            raise AgentError(
                f"There is no %agent {word}.{hint} %agent help lists what there is; "
                "a message to an agent goes in a cell that begins with %%agent."
            )
        if "--expand" in rest.split():
            rest = expand(rest.replace("--expand", "", 1), self._names())
        made = getattr(self._commands, word)(rest.strip())
        if isinstance(made, Run):
            self._names()["_run"] = made
            return None
        return made

    def _cell(self, line: str, cell: str) -> Any:
        word, _, rest = line.strip().partition(" ")
        if word in options.SUBCOMMANDS:
            return self._definition(word, rest, cell)
        given = options.call_parser().parse(line)
        body = expand(cell, self._names()) if given.expand else cell
        body = body.rstrip("\n")
        given.toolbox = toolbox.of_names(self._names(), given.tool, given.tools_from)
        given.inputs = variables.pick(given.input, self._names())
        self.notebook.path = self._names().get("__vsc_ipynb_file__")
        self.notebook.interactive = self.interactive()
        call(
            self.notebook,
            given,
            body,
            on_ask=self.notebook.on_ask(self.interactive(), given.background),
            say=print,
            keep=lambda run: self._keep(given.output, run),
        )

    def _definition(self, word: str, rest: str, cell: str) -> Any:
        """``%%agent define`` and ``%%agent env``: the cell is YAML."""
        if word not in options.CELLS:
            raise AgentError(f"%%agent {word} takes no text: write %agent {word} on a line of its own.")
        if "--expand" in rest.split():
            names = self._names()
            rest, cell = expand(rest.replace("--expand", "", 1), names), expand(cell, names)
        return getattr(self._commands, word)(rest.strip(), cell)

    def _keep(self, name: str | None, run: Run) -> None:
        self._names()[name or "_run"] = run

    def _names(self) -> dict[str, Any]:
        shell: Any = self.shell
        names: dict[str, Any] = shell.user_ns
        return names

    def _plainly(self, work: Callable[[], Any]) -> Any:
        """What `work` gives; what goes wrong as one sentence."""
        try:
            return work()
        except KeyboardInterrupt:
            raise AgentError("Interrupted.") from None
        except RunFailed as error:
            error.is_read = self.interactive()
            raise error from None
        except Exception as error:
            raise explain(error) from None


def _document(function: Any, text: str) -> None:
    """What ``%agent?`` and ``%%agent?`` show."""
    function.__doc__ = text


_document(AgentMagics.agent, commands.HELP)
_document(AgentMagics.agent_cell, CELL_HELP)


def load(shell: InteractiveShell) -> Notebook:
    """Register the magics in `shell`.

    The SDK is imported meanwhile, and where there is no server one begins, in the background.
    """
    notebook = current()
    shell.register_magics(AgentMagics(shell, notebook))
    hooks: Any = shell
    hooks.set_hook("complete_command", _completer(notebook, shell), re_key=r"^\s*%%?agent\b")
    threading.Thread(target=_warm_up, name="jupyter-agents-import", daemon=True).start()
    return notebook


def _completer(notebook: Notebook, shell: Any) -> Callable[[Any, Any], list[str]]:
    known = Known(notebook)

    def completer(_: Any, event: Any) -> list[str]:
        return complete(known, str(event.text_until_cursor), shell.user_ns)

    return completer


def _warm_up() -> None:
    with contextlib.suppress(OSError, UserError):
        begin_embedded()
    with _uncollected():
        import_module("anthropic")
        import_module("anthropic.types.beta.sessions")
        import_module("anthropic.resources.beta.beta")


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing that an import makes is garbage: looking for some takes a tenth of its time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
