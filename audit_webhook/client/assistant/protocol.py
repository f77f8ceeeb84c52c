"""Speaks the Model Context Protocol over standard input and output; the only module that imports its SDK."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from audit_webhook import __version__
from audit_webhook.client.answers import Session
from audit_webhook.client.assistant.arguments import schema_of
from audit_webhook.client.assistant.calls import call
from audit_webhook.client.assistant.results import OUTPUT_SCHEMA
from audit_webhook.client.assistant.tools import INSTRUCTIONS, TOOLS

NAME: Final = "audit-webhook"


def serve(session: Session) -> None:
    """Answer calls until the standard input ends."""
    asyncio.run(_serve(make_server(session)))


def make_server(session: Session) -> Server[Any]:
    """Return a server with all tools; it answers one call at a time."""
    turn = asyncio.Lock()

    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=describe_tools())

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        async with turn:
            reply = await asyncio.to_thread(call, params.name, params.arguments or {}, session)
        text = json.dumps(reply.document, ensure_ascii=False)
        return types.CallToolResult(
            content=[types.TextContent(text=text)], structured_content=reply.document, is_error=reply.is_error
        )

    return Server(
        NAME, version=__version__, title="Kubernetes audit events", instructions=INSTRUCTIONS, on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def describe_tools() -> list[types.Tool]:
    """Return every tool as the protocol describes it; each only reads."""
    return [
        types.Tool(
            name=name, title=tool.title, description=f"{tool.title.capitalize()}. {tool.description}",
            input_schema=schema_of(tool.arguments), output_schema=OUTPUT_SCHEMA,
            annotations=types.ToolAnnotations(
                read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
            ),
        )
        for name, tool in TOOLS.items()
    ]


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
