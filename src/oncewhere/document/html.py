"""A document comes in; one HTML page goes out, with nothing to be fetched: its Markdown, and the boundary as boxes."""

from __future__ import annotations

import html
import re

from markdown_it import MarkdownIt

from .compose import Document
from .markdown import anchor, as_markdown
from .statement import Boundary, Box

_FENCE = re.compile(r"<pre><code class=\"language-mermaid\">.*?</code></pre>", re.DOTALL)
_HEADING = re.compile(r"<h([23])>(.*?)</h\1>")
_MARKS = {"✗ ": "broken", "? ": "unknown"}

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --red: #c33; --amber: #b80; --green: #2a7; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { border-bottom: 1px solid var(--line); padding-bottom: .2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
th { background: var(--soft); }
code, pre { font: .9em ui-monospace, monospace; background: var(--soft); border-radius: .2rem; }
code { padding: .05rem .2rem; }
pre { padding: .7rem; overflow-x: auto; }
pre code { background: none; padding: 0; }
em a { font-size: .8em; font-style: normal; text-decoration: none; white-space: nowrap; color: inherit;
  border: 1px solid var(--line); border-radius: 1rem; padding: 0 .5rem; }
.broken { color: var(--red); font-weight: 600; }
.unknown { color: var(--amber); font-weight: 600; }
figure { display: flex; gap: 1rem; align-items: center; margin: 1.5rem 0; flex-wrap: wrap; }
.box { border: 1px solid var(--line); border-radius: .4rem; padding: .4rem .7rem; margin: .3rem 0; }
.box small { display: block; opacity: .75; }
.inside, .outside { border: 2px solid var(--green); border-radius: .6rem; padding: .5rem .8rem; }
.outside { border: 2px dashed var(--red); }
.inside > b, .outside > b { font-size: .8rem; }
"""


def as_html(document: Document) -> str:
    """The document as one page."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(as_markdown(document))
    body = _HEADING.sub(lambda found: f'<h{found[1]} id="{anchor(_plain(found[2]))}">{found[2]}</h{found[1]}>', body)
    for section in document.sections:
        for block in section.blocks:
            if isinstance(block, Boundary):
                figure = _figure(block)
                body = "".join((*_FENCE.split(body, maxsplit=1)[:1], figure, *_FENCE.split(body, maxsplit=1)[1:]))
    for mark, name in _MARKS.items():
        for tag in ("li", "td"):
            body = body.replace(f"<{tag}>{mark}", f'<{tag}><span class="{name}">{mark.strip()}</span> ')
    title = html.escape(document.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n{body}</body>\n</html>\n"
    )


def _plain(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def _figure(boundary: Boundary) -> str:
    inside = [
        _box(Box(boundary.processor)),
        *(_box(Box(topic)) for topic in boundary.outputs),
        _box(Box("positions", f"of group {boundary.offsets}")),
    ]
    outside = [*(_box(Box(topic, "no transaction")) for topic in boundary.loose), *map(_box, boundary.effects)]
    parts = [f"<div>{''.join(_box(Box(topic)) for topic in boundary.inputs)}</div>", "<span>→</span>"]
    parts.append(f'<div class="inside"><b>one Kafka transaction</b>{"".join(inside)}</div>')
    if outside:
        parts.append(f'<div class="outside"><b>outside of it</b>{"".join(outside)}</div>')
    if boundary.readers:
        parts += ["<span>→</span>", f"<div>{''.join(map(_box, boundary.readers))}</div>"]
    return f"<figure>{''.join(parts)}</figure>"


def _box(box: Box) -> str:
    about = f"<small>{html.escape(box.about)}</small>" if box.about else ""
    return f'<div class="box">{html.escape(box.name)}{about}</div>'
