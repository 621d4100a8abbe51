"""A `Boundary` comes in; a Mermaid flowchart goes out: what is inside Kafka's transaction, and what is outside."""

from __future__ import annotations

from .statement import Boundary, Box


def mermaid(boundary: Boundary) -> str:
    """The flowchart's text."""
    lines = ["flowchart LR"]
    lines += [f"  in{nth}[({_quoted(topic)})]" for nth, topic in enumerate(boundary.inputs)]
    lines += ['  subgraph transaction["one Kafka transaction"]', f"    processor[{_quoted(boundary.processor)}]"]
    lines += [f"    out{nth}[({_quoted(topic)})]" for nth, topic in enumerate(boundary.outputs)]
    lines += [f"    offsets[({_quoted(f'positions of group {boundary.offsets}')})]", "  end"]
    lines += [f"  loose{nth}[({_quoted(topic)})]" for nth, topic in enumerate(boundary.loose)]
    lines += [f"  effect{nth}[({_box(box)})]" for nth, box in enumerate(boundary.effects)]
    lines += [f"  reader{nth}[{_box(box)}]" for nth, box in enumerate(boundary.readers)]
    lines += [f"  in{nth} --> processor" for nth in range(len(boundary.inputs))]
    lines += [f"  processor --> out{nth}" for nth in range(len(boundary.outputs))]
    lines += ["  processor --> offsets"]
    lines += [f'  processor -. "outside" .-> loose{nth}' for nth in range(len(boundary.loose))]
    lines += [f'  processor -. "outside" .-> effect{nth}' for nth in range(len(boundary.effects))]
    readable = "out0" if boundary.outputs else "loose0" if boundary.loose else None
    if readable:
        lines += [f"  {readable} --> reader{nth}" for nth in range(len(boundary.readers))]
    return "\n".join(lines)


def _box(box: Box) -> str:
    return _quoted(f"{box.name}<br/>{box.about}" if box.about else box.name)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "#quot;") + '"'
