"""One database, asked by the real placement application and by us."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from sqlalchemy import Column, MetaData, NullPool, Table, create_engine, delete, insert, make_url

from placement_audit import schema as t
from placement_audit.candidates.explanation import Explanation, explained
from placement_audit.candidates.request import Request
from placement_audit.candidates.supply import Supply
from placement_audit.candidates.whatif import NOTHING, Changes
from placement_audit.demo.estate import Estate
from tests.placement_service import Answer, Placement, one_spelling


class Judge:
    """The real placement on a database with its real schema, which is filled anew for each world."""

    def __init__(self, url: str, **options: Any) -> None:
        self.placement = Placement(url, **options)
        self.counts: Counter[str] = Counter()
        self.engine = create_engine(make_url(url), poolclass=NullPool)
        with self.engine.connect() as connection:
            self._tables = [
                Table(table.name, MetaData(), autoload_with=connection) for table in t.live_tables(t.Role.PLACEMENT)
            ]
        self._writer = self.engine.connect()
        if self.engine.dialect.name == "mysql":
            self._writer.exec_driver_sql("SET SESSION foreign_key_checks = 0")
            self._writer.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')")
            self._writer.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 5")
        else:
            self._writer.exec_driver_sql("PRAGMA synchronous = OFF")

    def close(self) -> None:
        self._writer.close()
        self.placement.close()

    def fill(self, estate: Estate) -> None:
        """Put these rows in place of all others."""
        names = {table.name: rows for table, rows in estate.rows.items()}
        for live in self._tables:
            self._writer.execute(delete(live))
            rows = names.get(live.name, [])
            if rows:
                keys = [column.name for column in live.columns if column.name in rows[0]]
                self._writer.execute(
                    insert(_untyped(live, keys)), [{key: row.get(key) for key in keys} for row in rows]
                )
        self._writer.commit()

    def ask(self, request: Request) -> Answer:
        """What placement says."""
        return self.placement.get(request.query, request.microversion)

    def ours(self, request: Request, changes: Changes = NOTHING) -> Explanation:
        """What we say."""
        with self.engine.connect() as connection:
            return explained(Supply(connection, changes), request)

    def compare(self, request: Request) -> Explanation:
        """Both, which must be the same."""
        theirs, ours = self.ask(request), self.ours(request)
        self.counts[str(theirs.status)] += 1
        if theirs.status != 200:
            assert ours.status == "invalid", (theirs.body, ours)
            return ours
        assert ours.status != "invalid", ours.error
        wanted = theirs.requests
        self.counts["some" if wanted else "none"] += 1
        found = {one_spelling(_as_version(one, request)) for one in ours.requests}
        if overlaps(request) and found != wanted:
            # The defect of SEMANTICS B.7, and no other difference: placement adds up in place.
            self.counts["inflated"] += 1
            assert _mappings(wanted) <= _mappings(found), request.query
            assert any("more" in line and "than was asked" in line for line in ours.why), ours.why
            return ours
        assert found == wanted, request.query
        assert (ours.status == "candidates") == bool(wanted)
        return ours


def overlaps(request: Request) -> bool:
    """Whether a class is asked for in the unsuffixed and in a suffixed group, and policy is not none."""
    plain = {name for group in request.groups if not group.suffix for name in group.resources}
    suffixed = {name for group in request.groups if group.suffix for name in group.resources}
    return request.group_policy != "none" and bool(plain & suffixed)


def _as_version(request: Any, asked: Request) -> dict[str, Any]:
    return {"allocations": request["allocations"]} if asked.microversion < (1, 34) else dict(request)


def _mappings(spelled: set[str]) -> set[str]:
    """Who supplies what to whom, without the amounts."""
    found = set()
    for text in spelled:
        allocations, mappings = json.loads(text)
        classes = {uuid: sorted(one["resources"]) for uuid, one in allocations.items()}
        found.add(json.dumps([classes, mappings], sort_keys=True))
    return found


def _untyped(live: Table, keys: list[str]) -> Table:
    return Table(live.name, MetaData(), *[Column(key) for key in keys])
