"""Writes what the program is made of as a CycloneDX 1.6 document (https://cyclonedx.org/docs/1.6/json/): ``make sbom``.

Python packages come from requirements.txt with the hashes of every file that pip may install of them, their licences
and what needs what from the metadata of the installed packages; the browser's libraries from
``static/vendor/VERSIONS``. The same pins give the same bytes: there is no time in it, and its number follows from its
content.
"""

from __future__ import annotations

import configparser
import importlib.metadata
import json
import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from audit_webhook import __version__

ROOT: Final = Path(__file__).resolve().parents[1]
VENDOR: Final = ROOT / "audit_webhook/static/vendor"
NAME: Final = "audit-webhook"
_PIN: Final = re.compile(r"^([\w.-]+)==(\S+)((?:.*\\\n\s+--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_IDENTIFIERS: Final = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Zope Public License": "ZPL-2.1",
}
Component = dict[str, Any]


class MissingPackage(Exception):
    """A pinned package is not installed in the pinned version, so that nobody knows its licence."""


def main(arguments: list[str]) -> int:
    """Write the document to a file, or to standard output without one."""
    try:
        text = write_document()
    except MissingPackage as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 2
    if not arguments:
        print(text, end="")
        return 0
    target = Path(arguments[0])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, "utf-8")
    print(f"sbom: {len(json.loads(text)['components'])} components in {target}")
    return 0


def write_document() -> str:
    """Give the document as JSON; raises MissingPackage."""
    components = [*_python_components(), *_browser_components()]
    references = {component["name"]: component["bom-ref"] for component in components}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _program()},
        "components": components,
        "dependencies": list(_dependencies(references)),
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    return json.dumps({**document, "serialNumber": f"urn:uuid:{number}"}, indent=2) + "\n"


def read_pins(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """Give the name, the version and the hashes of each pinned package."""
    for name, version, rest in _PIN.findall(text):
        yield str(canonicalize_name(name)), version, _HASH.findall(rest)


def _program() -> Component:
    return {
        "type": "application", "bom-ref": NAME, "name": NAME, "version": __version__,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }


def _python_components() -> Iterator[Component]:
    for name, version, hashes in read_pins((ROOT / "requirements.txt").read_text("utf-8")):
        package = f"pkg:pypi/{name}@{version}"
        files = [{"alg": "SHA-256", "content": content} for content in sorted(hashes)]
        yield {
            "type": "library", "bom-ref": package, "name": name, "version": version, "purl": package,
            "scope": "required",
            "licenses": _licences(name, version),
            "externalReferences": [{
                "type": "distribution", "url": f"https://pypi.org/project/{name}/{version}/#files", "hashes": files,
                "comment": "one hash for each file that may be installed",
            }],
        }


def _licences(name: str, version: str) -> list[dict[str, Any]]:
    """Give what a package says of its licence: an SPDX expression where it has one, else its classifiers."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingPackage(f"{name} {version} is not installed") from error
    if metadata["Version"] != version:
        raise MissingPackage(f"{name} is installed in version {metadata['Version']}, and {version} is pinned")
    if expression := metadata.get("License-Expression"):
        return [{"expression": expression}]
    named = [each for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
    return [
        {"license": {"id": _IDENTIFIERS[each]} if each in _IDENTIFIERS else {"name": each.rpartition(" :: ")[2]}}
        for each in named or ["NOASSERTION"]
    ]


def _browser_components() -> Iterator[Component]:
    for line in (VENDOR / "VERSIONS").read_text("utf-8").splitlines():
        file, name, version, licence, digest = line.split()
        package = f"pkg:npm/{name.replace('@', '%40')}@{version}"
        yield {
            "type": "library", "bom-ref": package, "name": name, "version": version, "purl": package,
            "scope": "required",
            "licenses": [{"license": {"id": licence}}], "description": f"static/vendor/{file}",
            "hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}],
        }


def _dependencies(references: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Say what needs what: the program its direct dependencies, each Python package those of its own."""
    direct = [name for name in references if name in _direct() or "npm" in references[name]]
    yield {"ref": NAME, "dependsOn": sorted(references[name] for name in direct)}
    for name, reference in references.items():
        needed = _needs(name) & references.keys() if reference.startswith("pkg:pypi/") else set()
        yield {"ref": reference, "dependsOn": sorted(references[other] for other in needed)}


def _direct() -> set[str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", "utf-8")
    lines = parser["options"]["install_requires"].splitlines()
    return {str(canonicalize_name(Requirement(line).name)) for line in lines if line.strip()}


def _needs(name: str) -> set[str]:
    """Give the names of what a package needs without any of its extras, on whatever machine."""
    found = [Requirement(line) for line in importlib.metadata.requires(name) or []]
    return {
        str(canonicalize_name(each.name)) for each in found if each.marker is None or "extra" not in str(each.marker)
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
