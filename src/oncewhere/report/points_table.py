"""The points of clean runs come in; what a drill would visit goes to standard output, and what it would leave out."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from oncewhere.drill import Itinerary


def show_points(found: Mapping[str, Itinerary], console: Console) -> None:
    """Prints each version's points, one a line, in the order in which they are visited.

    Args:
        found: by version, its points.
        console: where it goes; standard output.
    """
    for version, itinerary in found.items():
        console.print(f"{version}: {len(itinerary.points)} of the {itinerary.recorded} boundary points of a clean run")
        for point in itinerary.points:
            name = f"  {point.name}" if point.name else ""
            console.print(f"  {point.id}{name}", markup=False, soft_wrap=True)
        for why, number in itinerary.left_out.items():
            if number:
                console.print(f"  left out: {number} {why}", style="dim")
