"""Times explain on one connection, start-up left out, in a process of its own: seconds by query, as JSON."""

from __future__ import annotations

import json
import os
import sys
import time

from placement_audit.candidates.explanation import explained
from placement_audit.candidates.grammar import parsed
from placement_audit.candidates.supply import Supply
from placement_audit.source.config import url_of
from placement_audit.source.connect import Limits, reading_schema

if __name__ == "__main__":
    found: dict[str, list[float]] = {}
    url = url_of(os.environ["PLACEMENT_AUDIT_PLACEMENT_DB"], "PLACEMENT_AUDIT_PLACEMENT_DB")
    with reading_schema(url, Limits()) as connection:
        for query in sys.argv[2:]:
            for _ in range(int(sys.argv[1])):
                begun = time.perf_counter()
                explained(Supply(connection), parsed(query))
                found.setdefault(query, []).append(time.perf_counter() - begun)
    print(json.dumps(found))
