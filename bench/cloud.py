"""Writes the benchmark's cloud, in a process of its own: the memory this takes must not count for what is measured.

A child is charged with the peak of the process that forked it (getrusage(2) keeps it over execve).
"""

from __future__ import annotations

import json
import os
import sys

from placement_audit.demo.estate import Estate, Urls, uuid_of


def told(hosts: int, servers: int) -> Estate:
    """A cloud of this size, with one consumer in a thousand that nova does not know."""
    estate = Estate(cells=("cell0", "cell1", "cell2"))
    flavor = estate.flavor("m1.small", 2, 4096, 20)
    computes = [estate.compute(f"compute{number:05}", cell=f"cell{1 + number % 2}") for number in range(hosts)]
    for number in range(servers):
        estate.server(f"server {number}", computes[number % hosts], flavor)
    for number in range(servers // 1000):
        estate.claim(uuid_of(f"ghost {number}"), computes[number % hosts].provider, estate.amounts(flavor))
    return estate


if __name__ == "__main__":
    try:
        from placement_audit.demo import story
    except ImportError:
        estate = told(int(sys.argv[1]), int(sys.argv[2]))
    else:
        estate = story.told(hosts=int(sys.argv[1]), servers=int(sys.argv[2]))
    estate.write(Urls(**json.loads(os.environ["BENCH_URLS"])))
