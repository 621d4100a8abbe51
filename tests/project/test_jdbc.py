"""A JDBC URL keeps what its driver must be told, and leads to the drill."""

from __future__ import annotations

import pytest

from oncewhere.project.variables import read

AT = "{shop.host}:{shop.port}/{shop.database}"


@pytest.mark.parametrize(
    ("url", "becomes"),
    [
        ("jdbc:postgresql://db:5432/shop", f"jdbc:postgresql://{AT}"),
        (
            "jdbc:postgresql://db:5432/shop?user=shop&password=hunter2",
            f"jdbc:postgresql://{AT}?user={{shop.user}}&password={{shop.password}}",
        ),
        ("jdbc:postgresql://db/shop?sslmode=require&ssl=true", f"jdbc:postgresql://{AT}"),
        (
            "jdbc:postgresql://db/shop?currentSchema=sales&stringtype=unspecified",
            f"jdbc:postgresql://{AT}?stringtype=unspecified",
        ),
        ("jdbc:mysql://db/shop?trustStorePassword=hunter2&useUnicode=yes", f"jdbc:mysql://{AT}?useUnicode=yes"),
    ],
)
def test_what_stands_behind_the_address_is_kept_where_it_does_no_harm(url: str, becomes: str) -> None:
    variable = read("DATABASE_URL", url)
    assert variable is not None
    assert (variable.text, variable.effect) == (becomes, "shop")
