"""Node types: declared by `@node` and a function's signature; found in packs."""
