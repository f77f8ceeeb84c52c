"""Looks the pinned packages up in a database of known vulnerabilities (osv.dev, or PyPI): ``python -m tools.audit``.

pip-audit says "no known vulnerabilities" too where an index did not know a single package, as a mirror without
advisories does. Here a package counts as checked only when a database answered for it. Exit codes: 0 nothing known,
1 holes are known, 2 not every package could be checked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
SERVICES: Final = {"OSV (api.osv.dev)": ("-s", "osv"), "PyPI (pypi.org)": ("-s", "pypi")}
OPTIONS: Final = (
    "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json", "--timeout", "15",
)
LONGEST_SECONDS: Final = 300


class Unreachable(Exception):
    """A database gave no answer; the message is the reason."""


class Hole(NamedTuple):
    """A known hole of a package."""

    package: str
    version: str
    identifier: str
    mended: str


class Findings(NamedTuple):
    """What a database says: how many packages it knows, those that it does not, and the holes."""

    checked: int
    unchecked: list[str]
    holes: list[Hole]


def ask(requirements: Path, service: Sequence[str]) -> Findings:
    """Ask one database about every package of a file; raises Unreachable."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), *OPTIONS, *service]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS)
        found: list[dict[str, Any]] = json.loads(answer.stdout)["dependencies"]
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"no answer within {LONGEST_SECONDS} s") from error
    except (ValueError, KeyError) as error:
        said = answer.stderr.strip().splitlines() or ["it said nothing"]
        raise Unreachable(said[-1][:200]) from error
    unchecked = [each["name"] for each in found if "skip_reason" in each]
    holes = [
        Hole(each["name"], each["version"], hole["id"], ", ".join(hole["fix_versions"]))
        for each in found for hole in each.get("vulns", ())
    ]
    if len(unchecked) == len(found):
        raise Unreachable("it knows none of the packages, so that it holds no advisories for them")
    return Findings(len(found) - len(unchecked), unchecked, holes)


def check(requirements: Path, services: dict[str, tuple[str, ...]]) -> int:
    """Ask the databases until one knows the packages, say what was found, and give the exit code."""
    for name, service in services.items():
        try:
            findings = ask(requirements, service)
        except Unreachable as error:
            print(f"audit: {name} could not be asked: {error}", file=sys.stderr)
        else:
            return _tell(name, findings)
    print("audit: no advisory database could be reached: NOTHING WAS CHECKED", file=sys.stderr)
    return 2


def _tell(name: str, findings: Findings) -> int:
    for hole in findings.holes:
        print(f"{hole.package} {hole.version}: {hole.identifier}, mended in {hole.mended or 'no version yet'}")
    if findings.unchecked:
        names = ", ".join(findings.unchecked)
        print(f"audit: NOT CHECKED, because {name} does not know them: {names}", file=sys.stderr)
    print(f"audit: known holes in {findings.checked} packages, says {name}: {len(findings.holes) or 'none'}")
    return 1 if findings.holes else 2 if findings.unchecked else 0


if __name__ == "__main__":
    sys.exit(check(ROOT / "requirements.txt", SERVICES))
