"""Put the code of nodes with a version on record, after a look at what `tests/nodes/test_versions.py` told.

python tests/nodes/acknowledge.py            # all node types that changed, came or went
python tests/nodes/acknowledge.py TYPE...    # only these
"""

from __future__ import annotations

import sys
from pathlib import Path

import nodegraph.node.streams  # noqa: F401
import nodes  # noqa: F401
from nodegraph.node.code.guard import CodeRecord, acknowledged, changed_versions, versioned_types

RECORD = Path(__file__).with_name("versions.json")
MODULES = ("nodes", "nodegraph")


def main(names: list[str]) -> int:
    types = versioned_types(*MODULES)
    recorded = CodeRecord.read(RECORD)
    changes = changed_versions(types.values(), recorded)
    unknown = [name for name in names if name not in types]
    if unknown:
        print(f"no node type with a version is called {unknown[0]!r}")
        return 2
    acknowledged(types.values(), recorded, names or None).write(RECORD)
    for change in changes:
        if not names or change.type_id in names:
            print(change)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
