"""Writes what makes a shell complete ``kubectl-audit``: verbs, options and the types of Kubernetes."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Final

from audit_webhook.client.targets import VERBS as DEEDS
from audit_webhook.events.api_resources import BUILT_IN

SHELLS: Final = ("bash", "zsh", "fish")
_OPTIONS: Final = (
    "--server", "--cluster", "--output", "--since", "--namespace", "--all-namespaces", "--limit", "--help",
)
_TAKE_OBJECTS: Final = ("who", "history", "blame", "can-who")


def add_shell(parser: argparse.ArgumentParser) -> None:
    """Take a shell."""
    parser.add_argument("shell", choices=SHELLS, help="for bash: source <(kubectl-audit completion bash)")


def write_completion(shell: str, verbs: Iterable[str]) -> str:
    """Return the script for a shell."""
    words = " ".join(sorted(verbs))
    types = " ".join(sorted({name for each in BUILT_IN for name in (each.plural, *each.short_names)}))
    deeds, options, objects = " ".join(sorted(DEEDS)), " ".join(_OPTIONS), "|".join(_TAKE_OBJECTS)
    return _SCRIPTS[shell].format(words=words, types=types, deeds=deeds, options=options, objects=objects)


_BASH: Final = """\
_kubectl_audit() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} verb=${{COMP_WORDS[1]}}
    if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W "{words}" -- "$word")); return; fi
    case $word in -*) COMPREPLY=($(compgen -W "{options}" -- "$word")); return;; esac
    case $verb in
        who|can-who) if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W "{deeds}" -- "$word")); return; fi;;
    esac
    case $verb in {objects}) COMPREPLY=($(compgen -W "{types}" -- "$word"));; esac
}}
complete -F _kubectl_audit kubectl-audit
"""
_SCRIPTS: Final = {
    "bash": _BASH,
    "zsh": "autoload -U +X bashcompinit && bashcompinit\n" + _BASH,
    "fish": """\
complete -c kubectl-audit -f
complete -c kubectl-audit -n "__fish_use_subcommand" -a "{words}"
complete -c kubectl-audit -n "__fish_seen_subcommand_from who can-who" -a "{deeds}"
complete -c kubectl-audit -n "__fish_seen_subcommand_from who history blame can-who" -a "{types}"
""",
}
