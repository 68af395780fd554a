"""`python -m nodegraph` is `nodegraph`."""

from nodegraph.cli import main

main()
