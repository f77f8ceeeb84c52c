"""Take the pictures of the documents: a fresh server with the sample events, seen by a real browser.

    python -m tools.screenshots [FOLDER]

The browser is the one of the distribution's package ``chromium``; FOLDER is ``docs/images`` unless given.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from audit_webhook.app import create_app
from audit_webhook.config import Config
from audit_webhook.context import context_of
from audit_webhook.explore.setup import demo
from audit_webhook.operate.server import create_server

DESKTOP: Final = (1440, 860)
PHONE: Final = (390, 844)


class Histogram(NamedTuple):
    """One picture: its name, the page it shows, and how."""

    name: str
    path: str
    size: tuple[int, int] = DESKTOP
    scheme: str = "light"
    whole: bool = False


PICTURES: Final = (
    Histogram("feed-light", "/"),
    Histogram("feed-dark", "/", scheme="dark"),
    Histogram("feed-narrow", "/", size=PHONE),
    Histogram("object-light", "/objects/prod/apps/deployments/shop/web"),
    Histogram("cluster-light", "/clusters/prod"),
    Histogram("setup-light", "/setup?cluster=prod&address=https://audit.example.com", whole=True),
)


@contextmanager
def served_sample(folder: Path) -> Iterator[str]:
    """Serve the sample events from a fresh database on a free port, and give the server's address."""
    config = Config(environment="development", http_port=1, db_path=str(folder / "pictures.db"))
    app = create_app(config)
    parts = context_of(app)
    demo.load(parts.repository, parts.clock())
    server: Any = create_server(app, _on_a_free_port(config))
    threading.Thread(target=server.run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        parts.repository.close()


def _on_a_free_port(config: Config) -> Config:
    # Port 0 lets the system choose; the settings refuse it, because nobody could find such a server.
    object.__setattr__(config, "http_port", 0)
    return config


def take(browser: Browser, address: str, picture: Histogram, folder: Path) -> None:
    """Open a page as a visitor would and save what it looks like."""
    width, height = picture.size
    scheme: Any = picture.scheme
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page: Page = context.new_page()
    page.goto(address + picture.path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=folder / f"{picture.name}.png", full_page=picture.whole)
    context.close()
    print(folder / f"{picture.name}.png")


def main(arguments: list[str]) -> None:
    """Take every picture."""
    folder = Path(arguments[0] if arguments else "docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, served_sample(Path(scratch)) as address, sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for picture in PICTURES:
            take(browser, address, picture, folder)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
