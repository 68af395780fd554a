"""`python -m nodegraph.cli` is `nodegraph`."""

from nodegraph.cli import main

main()
