"""Tells which messages of answers about Secrets and tokens cannot quote what was sent, and cuts the others.

The known ones are those of k8s.io/apimachinery pkg/api/errors and of the quota and RBAC plug-ins. Whatever else an
admission webhook, a policy or a validation says may quote a value, so only its beginning stays.
"""

from __future__ import annotations

import re
from typing import Final

CUT: Final = "***"
_KIND: Final = "[A-Za-z0-9./]{1,128}"
_NAME: Final = r'"[^"\\]{0,253}"'
_HARMLESS: Final = re.compile(
    rf"""
    {_KIND}[ ]{_NAME}[ ](?:not[ ]found|already[ ]exists)
    | {_KIND}(?:[ ]{_NAME})?[ ]is[ ]forbidden:[ ]User[ ]"[^"]{{0,1024}}"[ ]cannot[ ][a-z]{{1,32}}
      [ ]resource[ ]"[a-z0-9./]{{1,128}}"[ ]in[ ]API[ ]group[ ]"[a-z0-9.-]{{0,253}}"
      (?:[ ]in[ ]the[ ]namespace[ ]{_NAME}|[ ]at[ ]the[ ]cluster[ ]scope)?
    | {_KIND}[ ]{_NAME}[ ]is[ ]forbidden:[ ]exceeded[ ]quota:[ ][a-z0-9.,:=/\ -]{{1,512}}
    | Operation[ ]cannot[ ]be[ ]fulfilled[ ]on[ ]{_KIND}[ ]{_NAME}:[ ]the[ ]object[ ]has[ ]been[ ]modified;
      [ ]please[ ]apply[ ]your[ ]changes[ ]to[ ]the[ ]latest[ ]version[ ]and[ ]try[ ]again
    | {_KIND}[ ]{_NAME}[ ]is[ ]forbidden:[ ]unable[ ]to[ ]create[ ]new[ ]content[ ]in[ ]namespace[ ]
      [a-z0-9-]{{1,63}}[ ]because[ ]it[ ]is[ ]being[ ]terminated
    | Unauthorized | Forbidden | Timeout:[ ][a-z0-9\ ,]{{1,128}} | context[ ](?:canceled|deadline[ ]exceeded)
    | the[ ]server[ ](?:could[ ]not[ ]find|is[ ]currently|was[ ]unable|has[ ]received[ ]too[ ]many)
      [A-Za-z0-9\ ,.-]{{1,160}}
    | etcdserver:[ ][a-z\ ,]{{1,96}}
    | too[ ]old[ ]resource[ ]version:[ ]\d{{1,20}}[ ]\(\d{{1,20}}\)
    | The[ ]resourceVersion[ ]for[ ]the[ ]provided[ ]watch[ ]is[ ]too[ ]old\.
    | [ ]?
    """,
    re.VERBOSE,
)
_BEGINNING: Final = re.compile(
    rf"""
    (?:admission[ ]webhook[ ]{_NAME}[ ]denied[ ]the[ ]request
    | {_KIND}[ ]{_NAME}[ ]is[ ](?:invalid|forbidden)
    | Operation[ ]cannot[ ]be[ ]fulfilled[ ]on[ ]{_KIND}[ ]{_NAME})
    (?=:)
    """,
    re.VERBOSE,
)


def cut_message(text: str) -> str:
    """Return a message as it may be kept: itself when it is known to quote nothing, else its known beginning."""
    if text == CUT or _HARMLESS.fullmatch(text):
        return text
    begin = _BEGINNING.match(text)
    return f"{begin[0]}: {CUT}" if begin else CUT
