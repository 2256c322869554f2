"""The key that the settings give: in force from the first start, and a key like any other."""

from pathlib import Path

import pytest

from tollbook_collector.intake.key_desk import KeyDesk
from tollbook_collector.intake.key_file import KeyFile
from tollbook_collector.intake.keyring import Keyring, NotLetIn
from tollbook_collector.intake.keys import ADMIN, EVERY_TENANT, WrongKeyRequest

PEPPER = "5a" * 32


def made_elsewhere(directory: Path) -> str:
    return KeyDesk(KeyFile(directory)).create(EVERY_TENANT, (ADMIN,))[1]


def ring_of(file: KeyFile) -> Keyring:
    ring = Keyring(file.pepper())
    ring.put(file.keys())
    return ring


def test_a_given_key_manages_all_keys_on_each_collector_of_a_fleet(tmp_path: Path) -> None:
    token = made_elsewhere(tmp_path / "laptop")
    files = [KeyFile(tmp_path / name, PEPPER) for name in ("one", "two")]

    for file in files:
        KeyDesk(file).admit(token)

    let_in = [ring_of(file).check(token, ADMIN, "10.0.0.1") for file in files]
    assert let_in[0] == let_in[1]
    assert let_in[0].tenant == EVERY_TENANT


def test_a_given_key_that_was_revoked_stays_revoked_at_the_next_start(tmp_path: Path) -> None:
    token = made_elsewhere(tmp_path / "laptop")
    file = KeyFile(tmp_path / "collector", PEPPER)
    desk = KeyDesk(file)
    desk.admit(token)
    desk.revoke(desk.listing(EVERY_TENANT)[0].id, EVERY_TENANT)

    KeyDesk(KeyFile(tmp_path / "collector", PEPPER)).admit(token)

    with pytest.raises(NotLetIn):
        ring_of(file).check(token, ADMIN, "10.0.0.1")


@pytest.mark.parametrize("text", ["hunter2", "tollbook_Ab3dEf9h_short_000000"])
def test_what_is_no_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    desk = KeyDesk(KeyFile(tmp_path, PEPPER))

    with pytest.raises(WrongKeyRequest, match="keys create") as refusal:
        desk.admit(text)

    assert text not in str(refusal.value)
