"""An assistant that asks ``audit-webhook mcp`` through the SDK's own client, over standard input and output."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

from mcp import Client, StdioServerParameters, stdio_client
from mcp.types import TextContent, Tool

from audit_webhook.client.servers import Server, Settings, write_settings
from tests.client.conftest import Site
from tests.code_files import ROOT

SECONDS: Final = 60
Call = tuple[str, dict[str, Any]]


class Answered(NamedTuple):
    """What an assistant sees: tools, instructions, and for each call its document and whether it is an error."""

    tools: list[Tool]
    instructions: str
    documents: list[dict[str, Any]]
    errors: list[bool]


def ask_server(
    site: Site, user: str, folder: Path, calls: Sequence[Call],
    arguments: Sequence[str] = ("mcp", "--server", "default"),
) -> Answered:
    """Ask a server as a user who is logged in there."""
    servers = {"default": Server(site.url, site.tokens[user], site.certificate)}
    write_settings(Settings(servers, "default", {}), folder / "audit-webhook")
    environment = {"XDG_CONFIG_HOME": str(folder)}
    return _run(["-m", "audit_webhook", *arguments], environment, calls)


def ask_database(path: Path, calls: Sequence[Call]) -> Answered:
    """Ask the database of this machine."""
    environment = {"ENVIRONMENT": "development", "DB_PATH": str(path), "EVIDENCE_KEY_FILE": "none"}
    return _run(["-m", "audit_webhook", "mcp"], environment, calls)


def _run(arguments: list[str], environment: dict[str, str], calls: Sequence[Call]) -> Answered:
    """Ask in a thread of its own: a browser of other tests has an event loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(_ask(arguments, environment, calls))).result()


async def _ask(arguments: list[str], environment: dict[str, str], calls: Sequence[Call]) -> Answered:
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=environment, cwd=ROOT)
    async with asyncio.timeout(SECONDS), Client(stdio_client(parameters)) as client:
        tools = (await client.list_tools()).tools
        documents, errors = [], []
        for name, given in calls:
            result = await client.call_tool(name, given)
            (content,) = result.content
            assert isinstance(content, TextContent)
            document: dict[str, Any] = json.loads(content.text)
            assert result.structured_content == document
            documents.append(document)
            errors.append(result.is_error)
        return Answered(tools, client.instructions or "", documents, errors)
