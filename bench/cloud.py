"""Writes the benchmark's cloud, in a process of its own: the memory this takes must not count for what is measured.

A child is charged with the peak of the process that forked it (getrusage(2) keeps it over execve).
"""

from __future__ import annotations

import json
import os
import sys

from placement_audit.demo.estate import Urls
from placement_audit.demo.story import told

if __name__ == "__main__":
    cloud = told(hosts=int(sys.argv[1]), servers=int(sys.argv[2]))
    cloud.write(Urls(**json.loads(os.environ["BENCH_URLS"])))
