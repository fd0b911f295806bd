"""placement-audit: a read-only auditor of OpenStack's placement and nova databases."""

__version__ = "0.1.0"
