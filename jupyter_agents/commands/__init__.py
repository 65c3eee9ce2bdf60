"""The subcommands of `jupyter agents`, one module each.

Every module has ``add(commands)``, which declares its arguments, and ``run(arguments)``, which returns the
exit status or raises `jupyter_agents.errors.UserError`. What takes long to import is imported in ``run``.
Source: docs/cli.md.
"""
