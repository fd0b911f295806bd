from pathlib import Path

import pytest

from placement_audit.demo.estate import Estate, Urls
from tests.support import Auditor, sqlite_urls


@pytest.fixture(params=["sqlite", "mariadb"])
def audit(request: pytest.FixtureRequest, tmp_path: Path) -> Auditor:
    """Audits an Estate on SQLite files, and on MariaDB with the schemas of placement's and nova's own migrations.

    There each check's file for a plain client is held against the findings.
    """
    if request.param == "sqlite":
        return Auditor(lambda estate: sqlite_urls(tmp_path, estate.cells), tmp_path)
    schemas = request.getfixturevalue("empty_cloud")

    def urls(estate: Estate) -> Urls:
        return Urls(schemas.placement, schemas.api, {cell: schemas.cells[cell] for cell in estate.cells})

    return Auditor(urls, tmp_path, plain_sql=True)
