"""Chromium for the browser tests: finds one, and installs one where it may (``make browser``)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGES = ("chromium", "libzbar0")  # zbar: the second opinion on barcodes, which does without where it is missing
OPTIONS = (
    "--no-sandbox",  # Chromium's own sandbox refuses to run as root, and many containers refuse it to everybody
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
"""Command line of every test's browser: nothing but the pages under test goes over the network."""


def find_chromium() -> str | None:
    """Return the path of a Chromium: the system's, else the one that Playwright brought."""
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install_chromium() -> None:
    """Install Chromium with apt where this user may, else with Playwright."""
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") and (not become_root or shutil.which("sudo")):
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "--yes", "--no-install-recommends", *_PACKAGES]
        for command in (["apt-get", "update"], install):
            subprocess.run([*become_root, *command], check=False, env=environ, stdout=subprocess.DEVNULL)
    if find_chromium() is None:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> int:
    """Make sure that there is one; tell the one command to type where that cannot be done from here."""
    if find_chromium() is None:
        install_chromium()
    if find_chromium() is None:
        sys.stderr.write(f"The browser tests need Chromium. Type: sudo apt-get install {' '.join(_PACKAGES)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
