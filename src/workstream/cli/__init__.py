"""The command `workstream`: what can be asked of documents, evidence and the cluster without running a test.

This module is the entry point, and imports nothing but click: a command is imported when somebody calls it.
"""

from __future__ import annotations

import importlib
import io
import sys

import click

from workstream import errors

# By name: the module that holds the command, and what the menu says of it. The command's own help says more.
_COMMANDS = {
    "criteria": ("documents", "List the criteria of documents."),
    "lint": ("documents", "Find what makes documents hard to prove."),
    "scaffold": ("documents", "Write a test module for a document."),
    "status": ("evidence", "Say what is proven, and what became stale."),
    "audit": ("evidence", "Find what documents claim and evidence does not hold up."),
    "tick": ("evidence", "Tick the boxes that evidence proves."),
    "report": ("report", "Make the report of a run again, as a page."),
    "timings": ("evidence", "Say where the time of a run went."),
    "accept": ("acceptance", "Keep what a run proved, in a file that travels with the repository."),
    "verify": ("acceptance", "Check what was accepted: unaltered, by whom, and whether it still holds."),
    "diff": ("acceptance", "Say what changed since a result was accepted."),
    "next": ("agents", "Say what is not proven, and the one command to run."),
    "explain": ("agents", "Say all that is known of one criterion."),
    "gate": ("gate", "Say in one sentence whether a change may land."),
    "schema": ("evidence", "Print the JSON Schema of an evidence log, or of what --json prints."),
    "cluster": ("cluster", "Bring up the cluster of a run, look at it, take it away."),
    "cache": ("cache", "Show and empty the folder that keeps what was built."),
}


class _Menu(click.Group):
    """The commands, none of which is imported before it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - likewise
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"{__name__}.{_COMMANDS[cmd_name][0]}")
        commands = [one for one in vars(module).values() if isinstance(one, click.Command)]
        return next(one for one in commands if one.name == cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - likewise
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in _COMMANDS.items()])


@click.group(cls=_Menu, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="workstream")
def group() -> None:
    """Prove the acceptance criteria of workstream documents, and tick only what was proven.

    Tests prove criteria: pytest --workstream DOCUMENT. This command reads documents and what tests left behind.
    """


def main() -> None:
    """Run the command; turn errors into their three parts and their exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names and texts hold what a terminal may not show
    try:
        group.main(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(errors.UsageError.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(errors.CancelledError.exit_code)
    except errors.WorkstreamError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        _complain(f"{error.filename or 'A file'} cannot be read or written: {error.strerror}.")
        sys.exit(errors.WorkstreamError.exit_code)


def _complain(message: str) -> None:
    """Print an error; what files say of themselves in it is shown, and not obeyed by a terminal."""
    from workstream.text import visible  # noqa: PLC0415 - whom nothing goes wrong does not wait for it

    click.echo(visible(message), err=True)
