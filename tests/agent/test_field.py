"""Fields of answers, by whichever kind of object a library gives."""

import pydantic
import pytest

from tollbook.clients.field import field, plain, rare_field


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    said: int | None = None

    @property
    def derived(self) -> int:
        return 7


class Plain:
    said = 1


@pytest.mark.parametrize("name", ["said", "more", "derived", "absent"])
@pytest.mark.parametrize(
    "value",
    [Model(said=1, more=2), Model(), {"said": 1, "more": 2}, Plain(), None, 3],  # type: ignore[call-arg]
)
def test_a_rare_field_is_what_a_field_is(value: object, name: str) -> None:
    assert rare_field(value, name) == field(value, name)


def test_a_model_becomes_a_dict_of_all_that_it_was_given() -> None:
    assert plain(Model(said=1, more=2)) == {"said": 1, "more": 2}  # type: ignore[call-arg]
    assert plain(None) is None
