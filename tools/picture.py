# ruff: noqa: INP001  # a script, not a package
"""Draw what a terminal shows of a run: a run's folder in, an SVG out, without a font from the network.

oncewhere init --demo /tmp/payments && cd /tmp/payments && oncewhere drill . naive
python tools/picture.py .oncewhere/runs/latest docs/images/naive.svg 'oncewhere drill . naive'
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from oncewhere.report import read_run, show_result

WIDTH = 88
FONT_FACES = re.compile(r"\s*@font-face \{\{.*?\}\}", re.DOTALL)
FONTS = "Fira Code, ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"


def main(folder: str, target: str, title: str) -> None:
    """Writes the picture."""
    console = Console(record=True, file=io.StringIO(), width=WIDTH, force_terminal=True, highlight=False)
    run = read_run(Path(folder).resolve())
    show_result(run.result, console, path=run.path)
    form = FONT_FACES.sub("", CONSOLE_SVG_FORMAT).replace("Fira Code, monospace", FONTS).replace("Fira Code", FONTS, 0)
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text(console.export_svg(title=title, code_format=form, unique_id="drill"), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
