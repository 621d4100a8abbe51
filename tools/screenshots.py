# ruff: noqa: INP001  # a script, not a package
"""Take the pictures of the documentation: a run folder in (or none: the payment example is drilled), PNG files out.

.venv/bin/python tools/screenshots.py                    drills examples/payments first
.venv/bin/python tools/screenshots.py latest             takes a run that is there
.venv/bin/python tools/screenshots.py RUN --out FOLDER   puts the pictures elsewhere

It needs Chromium (apt-get install chromium). A picture that grows beyond the limit fails: it is there to be loaded.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from oncewhere.cli.places import project_folder
from oncewhere.report import find_run, read_run, show_result, write_report

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "pictures"
SIZE_LIMIT_BYTES = 150_000
TERMINAL_WIDTH = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of the report.

    Attributes:
        name: of the file, without its ending.
        theme: `light` or `dark`.
        size: of the window.
        element: what is taken of it; the window where empty.
        at: what stands at the top of the window; the page's own top where empty.
    """

    name: str
    theme: str
    size: tuple[int, int]
    element: str = ""
    at: str = ""


PICTURES = (
    Picture(name="report-light", theme="light", size=(1200, 700)),
    Picture(name="report-dark", theme="dark", size=(1200, 700), at="#timeline-title"),
    Picture(name="report-timeline", theme="light", size=(1900, 1000), element=".timeline"),
    Picture(name="report-phone", theme="light", size=(390, 844)),
)


def main(arguments: list[str]) -> int:
    """Takes all pictures; answers 1 where one is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", help="a run's folder or name")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(arguments)
    if asked.run is None:
        subprocess.run([sys.executable, "-m", "oncewhere", "drill", "examples/payments"], cwd=ROOT, check=True)
    folder = find_run(project_folder(), asked.run or "latest")
    page_file = write_report(folder)
    asked.out.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--disable-lcd-text", *(["--no-sandbox"] if os.getuid() == 0 else [])]
        )
        for picture in PICTURES:
            take(browser, page_file, picture, asked.out)
        take_terminal(browser, folder, asked.out / "terminal.png")
        browser.close()
    return too_large(asked.out, sys.stderr.write)


def take(browser: Browser, page_file: Path, picture: Picture, out: Path) -> None:
    """Takes one picture of the report, at its first violation."""
    width, height = picture.size
    with browser.new_context(viewport={"width": width, "height": height}, color_scheme=picture.theme) as context:  # type: ignore[arg-type]  # a word of two
        page = context.new_page()
        page.goto(page_file.as_uri())
        page.wait_for_selector(".timeline .mark.chosen")
        path = out / f"{picture.name}.png"
        if picture.element:
            page.locator(picture.element).first.screenshot(path=path)
        else:
            settle(page, picture.at)
            page.screenshot(path=path)


def settle(page: Page, at: str) -> None:
    """Scrolls to where the picture is taken, with the focus nowhere."""
    page.evaluate("document.activeElement.blur()")
    page.evaluate("at => at ? document.querySelector(at).scrollIntoView() : window.scrollTo(0, 0)", at)


def take_terminal(browser: Browser, folder: Path, path: Path) -> None:
    """Takes what the terminal shows of the same run, up to the sentences."""
    console = Console(record=True, width=TERMINAL_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    run = read_run(folder)
    show_result(run.result, console, run.provenance)
    svg = console.export_svg(title="oncewhere drill examples/payments")
    with browser.new_context(viewport={"width": 640, "height": 400}) as context:
        page = context.new_page()
        page.set_content(f"<body style='margin:0;width:620px'>{svg}</body>")
        page.locator("svg").first.screenshot(path=path)


def too_large(out: Path, say: Callable[[str], object]) -> int:
    """Answers 1 where a picture is larger than the limit."""
    wrong = [path for path in sorted(out.glob("*.png")) if path.stat().st_size > SIZE_LIMIT_BYTES]
    for path in wrong:
        say(f"{path.name} has {path.stat().st_size} bytes, and at most {SIZE_LIMIT_BYTES} are wanted\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
