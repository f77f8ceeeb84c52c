"""The kustomizations of deploy/, resolved without kubectl.

Only the part of kustomize that they use is understood; the rest is an error.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

KUSTOMIZE: Final = Path(__file__).resolve().parents[1] / "deploy" / "kustomize"
CLUSTER_WIDE: Final = {"Namespace"}
_KNOWN: Final = {
    "apiVersion", "kind", "namespace", "resources", "patches", "configMapGenerator", "generatorOptions",
}

Manifest = dict[str, Any]


def render(folder: Path) -> list[Manifest]:
    """Give the objects of a folder with a kustomization.yaml; ValueError for what is not understood here."""
    wanted = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))
    if unknown := wanted.keys() - _KNOWN:
        raise ValueError(f"{folder}: {sorted(unknown)} is not understood here")
    found = [one for name in wanted.get("resources", ()) for one in _read(folder / name)]
    found += [_generated(folder, one, wanted) for one in wanted.get("configMapGenerator", ())]
    for patch in wanted.get("patches", ()):
        chosen = [one for one in found if _is_target(one, patch["target"])]
        if not chosen:
            raise ValueError(f"{folder}: {patch['target']} is not there")
        for step in yaml.safe_load((folder / patch["path"]).read_text("utf-8")):
            for one in chosen:
                apply(one, step)
    for one in found:
        if one["kind"] not in CLUSTER_WIDE and "namespace" in wanted:
            one["metadata"]["namespace"] = wanted["namespace"]
    return found


def has_kubectl() -> bool:
    """Whether this machine has a kubectl that knows the fields used here; that of Debian 12 is too old."""
    if not shutil.which("kubectl"):
        return False
    told = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, check=False).stdout
    version = json.loads(told)["clientVersion"] if told else {"major": 0, "minor": 0}
    return (int(version["major"]), int(str(version["minor"]).rstrip("+"))) >= (1, 27)


def render_with_kubectl(folder: Path) -> list[Manifest]:
    """Give the objects of a folder as ``kubectl kustomize`` writes them."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def apply(document: Manifest, step: Manifest) -> None:
    """Take one step of a JSON patch (RFC 6902): add, replace or remove.

    KeyError or IndexError for what is not there.
    """
    *way, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
    place: Any = document
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place[part]
    key = int(last) if isinstance(place, list) and last != "-" else last
    if step["op"] == "add" and isinstance(place, list):
        place.insert(len(place) if key == "-" else key, copy.deepcopy(step["value"]))
    elif step["op"] == "add":
        place[key] = copy.deepcopy(step["value"])
    elif step["op"] in ("replace", "remove"):
        place[key]  # it must be there
        del place[key]
        if step["op"] == "replace":
            apply(document, {**step, "op": "add"})
    else:
        raise ValueError(f"{step['op']} is not understood here")


def _read(path: Path) -> list[Manifest]:
    if path.is_dir():
        return render(path.resolve())
    return [one for one in yaml.safe_load_all(path.read_text("utf-8")) if one]


def _generated(folder: Path, wanted: Manifest, kustomization: Manifest) -> Manifest:
    if kustomization.get("generatorOptions") != {"disableNameSuffixHash": True}:
        raise ValueError(f"{folder}: names with a hash are not understood here")
    texts = {name: (folder / name).read_text("utf-8") for name in wanted["files"]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": wanted["name"]}, "data": texts}


def _is_target(one: Manifest, target: Manifest) -> bool:
    return bool(one["kind"] == target["kind"] and one["metadata"]["name"] == target["name"])
