"""Code as part of a memo key: what a function uses, read from source and never run."""

from nodegraph.node.code.fingerprint import CodeFingerprint, changed_parts, fingerprint
from nodegraph.node.code.sources import require_source

__all__ = ["CodeFingerprint", "changed_parts", "fingerprint", "require_source"]
