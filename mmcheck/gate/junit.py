"""The outcome as JUnit XML, which Jenkins, GitLab, GitHub actions and others show as test results.

The form is that of the Jenkins xUnit schema (``junit-10.xsd``), which pytest writes too: a case a limit and slice; what
fails is a ``failure``, what only warns is ``skipped`` with its message, so that it is seen and breaks nothing.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from mmcheck.core.atomic import write_text
from mmcheck.gate.summary import GateSummary
from mmcheck.report.shown_text import show_plain

_SUITE = "mmcheck.gate"
_MAX_CHARS = 600  # characters of a name or message; our own choice: lists of tests stay readable
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(summary: GateSummary, file: Path) -> None:
    """Write the outcome into a file, whole or not at all.

    Raises:
        OutputError: If it cannot be written.
    """
    write_text(file, to_junit(summary))


def to_junit(summary: GateSummary) -> str:
    """Return the outcome as one XML text."""
    counts = {
        "tests": str(len(summary.cases)),
        "failures": str(summary.failed),
        "errors": "0",
    }
    root = ET.Element("testsuites", {"name": _SUITE, **counts})
    suite = ET.SubElement(root, "testsuite", {"name": _SUITE, **counts, "skipped": str(summary.warned)})
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("run", summary.run),
        ("mmcheck_version", summary.mmcheck_version),
        ("rows", summary.rows),
        ("strict", "true" if summary.strict else "false"),
        *((f"note.{number}", note) for number, note in enumerate(summary.notes, start=1)),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": _text(value)})
    for case in summary.cases:
        name = f"{case.slice}: {case.limit}" if case.slice else case.limit
        found = ET.SubElement(
            suite, "testcase", {"classname": _text(f"{_SUITE}.{case.check}"), "name": _text(name), "time": "0"}
        )
        if case.verdict == "fail":
            told = ET.SubElement(found, "failure", {"type": "limit", "message": _text(case.message)})
            told.text = _text(f"{case.title}: {case.measured}; {case.limit}")
        elif case.verdict == "warn":
            ET.SubElement(found, "skipped", {"type": "warning", "message": _text(case.message)})
        ET.SubElement(found, "system-out").text = _text(case.message)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _text(value: object) -> str:
    """Return a text without what XML cannot hold, in one line."""
    return _NOT_XML.sub("\ufffd", show_plain(value, _MAX_CHARS))
