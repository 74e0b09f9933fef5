from __future__ import annotations

import pytest

from axolotl_ragdata.errors import UnknownName
from axolotl_ragdata.registry import Registry


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    things: Registry[int] = Registry("thing", "axolotl_ragdata.engines", "ragdata.nothing")
    things.register("hammer")(1)
    things.register("saw")(2)
    assert things.names() == ["hammer", "saw"]
    assert things.get("saw", "here") == 2
    with pytest.raises(UnknownName) as caught:
        things.get("hamer", "recipe.yml: key")
    assert str(caught.value) == (
        "recipe.yml: key: unknown thing 'hamer'\nfix: did you mean 'hammer'? known: hammer, saw"
    )


def test_a_name_is_given_once() -> None:
    things: Registry[int] = Registry("thing", "axolotl_ragdata.engines", "ragdata.nothing")
    things.register("hammer")(1)
    with pytest.raises(ValueError, match="registered twice"):
        things.register("hammer")(2)
