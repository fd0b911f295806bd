"""A cloud of another release: Train's placement schema, and the oldest of nova that alembic knows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate, Urls, uuid_of
from placement_audit.demo.story import healthy, told
from placement_audit.finding import Severity
from tests import openstack_schemas
from tests.mariadb import Server
from tests.support import Auditor


@pytest.fixture
def train(mariadb: Server) -> Iterator[Urls]:
    """Databases as Train has them: nova's first alembic revision has the tables of sqlalchemy-migrate's last."""
    names = {name: f"pa_test_train_{name}" for name in ("placement", "api", "cell0", "cell1", "cell2")}
    for name in names.values():
        mariadb.create(name)
    try:
        openstack_schemas.make_placement(mariadb.url(names["placement"]), "b5c396305c25")
        openstack_schemas.make_api(mariadb.url(names["api"]), "d67eeaabee36")
        for cell in ("cell0", "cell1", "cell2"):
            openstack_schemas.make_cell(mariadb.url(names[cell]), "8f2f1571d55b")
        yield Urls(
            mariadb.url(names["placement"]),
            mariadb.url(names["api"]),
            {cell: mariadb.url(names[cell]) for cell in ("cell0", "cell1", "cell2")},
        )
    finally:
        for name in names.values():
            mariadb.drop(name)


@pytest.mark.parametrize(("cloud", "faulty"), [(healthy, False), (told, True)], ids=["healthy", "told"])
def test_train_is_judged(train: Urls, tmp_path: Path, cloud: object, faulty: bool) -> None:
    estate = cloud()  # type: ignore[operator]
    assert isinstance(estate, Estate)
    report = Auditor(lambda _: train, tmp_path).report(estate)
    assert [source.release for source in report.sources] == ["Train to Wallaby", "Xena", "Xena", "Xena", "Xena"]
    loud = {finding.code for finding in report.findings if finding.severity is not Severity.INFO and finding.settled}
    assert bool(loud) == faulty
    if faulty:
        assert {"X34", "X09", "X11", "X12"} <= loud
        six_rows = next(finding for finding in report.findings if finding.code == "X09")
        assert six_rows.subject["instance"] == uuid_of("billing-db")
