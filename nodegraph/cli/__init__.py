"""The command line `nodegraph`: one module a command, `edge` for what they raise, `terminal` for output."""

from __future__ import annotations

from typing import Annotated

import typer

from nodegraph.cli import bench, cache, check, doctor, fmt, get, nodes, plan, run, schema, show, trace
from nodegraph.cli.edge import command
from nodegraph.cli.terminal import Terminal


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        Terminal().result(f"nodegraph {version('nodegraph')}")
        raise typer.Exit


app = typer.Typer(
    name="nodegraph",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def nodegraph(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    """Run typed node graphs; only what changed is computed."""


app.command("run")(command(run.run))
app.command("plan")(command(plan.plan))
app.command("check")(command(check.check))
app.command("fmt")(command(fmt.fmt))
app.command("show")(command(show.show))
app.command("nodes")(command(nodes.nodes))
app.command("schema")(command(schema.schema))
app.command("get")(command(get.get))
app.add_typer(cache.app, name="cache")
app.command("trace")(command(trace.trace))
app.add_typer(bench.app, name="bench")
app.command("doctor")(command(doctor.doctor))


def main() -> None:
    """Run the command line and exit with its status."""
    app(prog_name="nodegraph")
