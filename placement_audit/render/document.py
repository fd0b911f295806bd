"""The report for programs: JSON, format placement-audit/1."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from placement_audit.audit import Report
from placement_audit.finding import SEVERITY, Finding, Severity

FORMAT = "placement-audit/1"


def rendered(report: Report, fail_on: Severity) -> str:
    """The whole report. Non-ASCII text is escaped, so that nothing in it reaches a terminal raw."""
    document = {
        "format": FORMAT,
        "run": {
            "version": report.version,
            "taken_at": report.taken_at,
            "grace_seconds": int(report.grace.total_seconds()),
            "seconds": round(report.seconds, 3),
            "fail_on": fail_on.value,
            "exit_code": report.exit_code(fail_on),
            "complete": not report.gaps,
            "gaps": list(report.gaps),
            "warnings": list(report.warnings),
            "second_look": asdict(report.second_look) if report.second_look else None,
        },
        "sources": [asdict(source) for source in report.sources],
        "checks": [
            {
                "code": result.check.code,
                "name": result.check.name,
                "severity": SEVERITY[result.check.impact].value,
                "status": result.status,
                "reason": result.reason,
                "findings": result.findings,
                "in_flight": result.in_flight,
                "allowed": result.allowed,
                "seconds": round(result.seconds, 4),
            }
            for result in report.results
        ],
        "findings": [_finding(finding) for finding in report.findings],
        "allowed_by": report.allowed_by,
        "allowed": [
            {
                "identity": one.finding.identity,
                "code": one.finding.code,
                "message": one.finding.message,
                "also": dict(one.finding.also),
                "absorbed": list(one.finding.absorbed),
                "comment": one.comment,
                "entry": one.place,
            }
            for one in report.allowed
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "impact": finding.impact.value,
        "settled": finding.settled,
        "confirmed": finding.confirmed,
        "newest_change": finding.newest_change,
        "message": finding.message,
        "subject": dict(finding.subject),
        "evidence": dict(finding.evidence),
        "also": dict(finding.also),
        "absorbed": list(finding.absorbed),
        "remedy": list(finding.remedy),
        "withheld": finding.withheld,
        "identity": finding.identity,
    }
