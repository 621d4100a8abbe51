"""A choice among names that says which one was nearly written: a word goes in, the name or one sentence comes out."""

from __future__ import annotations

from typing import Any

import click

from oncewhere.spelling import nearest


class NearChoice(click.Choice[str]):
    """Like `click.Choice`; a misspelt name is answered with the nearest one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name.

        Raises:
            click.BadParameter: there is no such name.
        """
        names = [str(choice) for choice in self.choices]
        if value in names or not (near := nearest(str(value), names)):
            return super().convert(value, param, ctx)
        return self.fail(f"{value!r} is none of {', '.join(names)}. Did you mean {near!r}?", param, ctx)
