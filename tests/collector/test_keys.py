"""Keys: what they are made of, who they let in, and how they end."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gates import PEPPER

from tollbook_collector.intake.key_desk import KeyDesk, NoSuchKey
from tollbook_collector.intake.key_file import KeyFile, KeyFileUnusable
from tollbook_collector.intake.keyring import (
    CANARY_TENANT,
    FAILURES_MAX,
    REFUSED,
    Keyring,
    NotLetIn,
    ScopeMissing,
    TooManyFailures,
    presented,
)
from tollbook_collector.intake.keys import (
    ADMIN,
    INGEST,
    QUERY,
    TENANT,
    Key,
    Limits,
    WrongKeyRequest,
    changed,
    id_of,
    later,
    new_key,
)
from tollbook_collector.settings import OPEN_TENANT

NOW = datetime.now(UTC)


def ring_of(*keys: Key) -> Keyring:
    ring = Keyring(PEPPER)
    ring.put({key.id: key for key in keys})
    return ring


@pytest.fixture(name="desk")
def _desk(tmp_path: Path) -> KeyDesk:
    return KeyDesk(KeyFile(tmp_path / "keys"))


def test_a_key_has_an_id_256_random_bits_and_a_checksum() -> None:
    key, token = new_key(PEPPER, "acme", (INGEST,))

    assert re.fullmatch(r"tollbook_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", token)
    assert 62**43 > 2**256
    assert id_of(token) == key.id


@pytest.mark.parametrize("position", [9, 20, 40, 66])
def test_a_typo_in_a_key_is_found_without_asking_anybody(position: int) -> None:
    _, token = new_key(PEPPER, "acme", (INGEST,))
    other = "A" if token[position] != "A" else "B"

    assert id_of(token[:position] + other + token[position + 1 :]) == ""


def test_nothing_that_is_kept_of_a_key_has_its_secret(desk: KeyDesk, tmp_path: Path) -> None:
    key, token = desk.create("acme", (INGEST,))

    secret = token.split("_")[2]
    for path in (tmp_path / "keys").iterdir():
        assert secret not in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
    assert secret not in repr(key) + json.dumps(key.shown(NOW))


@pytest.mark.parametrize(
    ("tenant", "scopes", "limits", "words"),
    [
        ("", (INGEST,), Limits(), "is not a tenant"),
        ("a b", (INGEST,), Limits(), "is not a tenant"),
        ("x" * 64, (INGEST,), Limits(), "is not a tenant"),
        (CANARY_TENANT, (INGEST,), Limits(), "is not a tenant"),
        ("acme", (), Limits(), "ingest, view, query, admin"),
        ("acme", ("write",), Limits(), "ingest, view, query, admin"),
        ("*", (INGEST,), Limits(), "--scope admin"),
        ("acme", (INGEST,), Limits(requests_per_s=-1), "0 (none) or more"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_what_can(
    tenant: str, scopes: tuple[str, ...], limits: Limits, words: str
) -> None:
    with pytest.raises(WrongKeyRequest, match=re.escape(words)):
        new_key(PEPPER, tenant, scopes, limits=limits)


def test_without_keys_everybody_is_let_in_as_one_tenant() -> None:
    assert ring_of().check("", INGEST, "here").tenant == OPEN_TENANT


def test_a_key_says_the_tenant() -> None:
    key, token = new_key(PEPPER, "acme", (INGEST,))

    assert ring_of(key).check(token, INGEST, "here") == key


def test_every_refusal_says_the_same() -> None:
    good, _ = new_key(PEPPER, "acme", (INGEST,))
    expired, expired_token = new_key(
        PEPPER, "acme", (INGEST,), expires_at=datetime.now(UTC) + timedelta(seconds=60)
    )
    expired = changed(expired, expires_at=NOW)
    revoked, revoked_token = new_key(PEPPER, "acme", (INGEST,))
    revoked = changed(revoked, revoked_at=NOW)
    _, unknown_token = new_key(PEPPER, "acme", (INGEST,))
    # A secret of one's own under the id of another key, with its checksum put right.
    forged, forged_token = new_key(PEPPER, "acme", (INGEST,))
    ring = ring_of(good, expired, revoked, changed(forged, digest=good.digest))

    tokens = ("", "nonsense", "x" * 100_000, unknown_token, forged_token)
    for token in (*tokens, expired_token, revoked_token):
        with pytest.raises(NotLetIn) as refusal:
            ring.check(token, INGEST, "here")
        assert str(refusal.value) == REFUSED
    assert ring.refused() == {"expired": 1, "none": 1, "revoked": 1, "unknown": 3, "wrong": 1}


def test_when_all_keys_are_revoked_nobody_is_let_in() -> None:
    key, token = new_key(PEPPER, "acme", (INGEST,))
    ring = ring_of(changed(key, revoked_at=NOW))

    for given in (token, ""):
        with pytest.raises(NotLetIn):
            ring.check(given, INGEST, "here")


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [((INGEST,), {INGEST}), ((QUERY,), {QUERY}), ((ADMIN,), {QUERY, ADMIN})],
)
def test_a_key_does_what_its_scopes_say(scopes: tuple[str, ...], allowed: set[str]) -> None:
    key, token = new_key(PEPPER, "acme", scopes)
    ring = ring_of(key)

    for scope in (INGEST, QUERY, ADMIN):
        if scope in allowed:
            assert ring.check(token, scope, "here") == key
        else:
            with pytest.raises(ScopeMissing, match=f"this needs {scope}"):
                ring.check(token, scope, "here")


def test_who_guesses_has_to_wait_and_a_right_key_behind_the_same_address_does_not() -> None:
    key, token = new_key(PEPPER, "acme", (INGEST,))
    ring = ring_of(key)
    for _ in range(FAILURES_MAX):
        with pytest.raises(NotLetIn):
            ring.check("guess", INGEST, "10.0.0.1")

    with pytest.raises(TooManyFailures) as refusal:
        ring.check("guess", INGEST, "10.0.0.1")
    with pytest.raises(NotLetIn):
        ring.check("guess", INGEST, "10.0.0.2")

    assert 1 <= refusal.value.retry_after_s <= 60
    assert ring.check(token, INGEST, "10.0.0.1") == key


def test_who_brings_no_key_guesses_at_none() -> None:
    ring = ring_of(new_key(PEPPER, "acme", (INGEST,))[0])

    for _ in range(FAILURES_MAX + 1):
        with pytest.raises(NotLetIn):
            ring.check("", INGEST, "10.0.0.1")

    assert ring.refused() == {"none": FAILURES_MAX + 1}


def test_the_canary_has_a_key_that_no_list_shows() -> None:
    key, _ = new_key(PEPPER, "acme", (INGEST,))
    ring = ring_of(key)

    assert ring.check(ring.canary_token, INGEST, "here").tenant == CANARY_TENANT
    assert not TENANT.fullmatch(CANARY_TENANT)
    assert ring.tenants() == ["acme"]


@pytest.mark.parametrize(
    ("authorization", "x_api_key", "token"),
    [
        ("Bearer abc", "", "abc"),
        ("bearer  abc ", "", "abc"),
        ("", "abc", "abc"),
        ("Bearer abc", "other", "abc"),
        ("Basic abc", "", ""),
        ("abc", "", ""),
    ],
)
def test_a_key_comes_as_bearer_or_in_a_header_of_its_own(
    authorization: str, x_api_key: str, token: str
) -> None:
    assert presented(authorization, x_api_key) == token


def test_a_rotated_key_and_its_successor_are_both_valid_for_the_overlap(
    desk: KeyDesk, tmp_path: Path
) -> None:
    limits = Limits(requests_per_s=5)
    old, old_token = desk.create("acme", (INGEST, QUERY), "checkout", timedelta(days=90), limits)

    new, new_token = desk.rotate(old.id, "acme", timedelta(hours=1))

    keys = KeyFile(tmp_path / "keys").keys()
    ring = Keyring(KeyFile(tmp_path / "keys").pepper())
    ring.put(keys)
    assert ring.check(old_token, INGEST, "").id == old.id
    assert ring.check(new_token, INGEST, "").id == new.id
    assert (new.tenant, new.scopes, new.name, new.limits) == (
        "acme",
        old.scopes,
        "checkout",
        limits,
    )
    now = datetime.now(UTC)
    assert (new.replaces, keys[old.id].state(now)) == (old.id, "active")
    assert keys[old.id].state(now + timedelta(hours=1, minutes=1)) == "expired"


def test_one_tenant_cannot_touch_the_keys_of_another(desk: KeyDesk) -> None:
    key, _ = desk.create("acme", (INGEST,))

    with pytest.raises(NoSuchKey):
        desk.revoke(key.id, "rival")
    with pytest.raises(NoSuchKey):
        desk.rotate(key.id, "rival", timedelta(0))

    assert desk.listing("rival") == []
    assert desk.listing("*") == [key]


def test_of_two_versions_of_a_key_the_later_counts_whatever_the_clock_says() -> None:
    key, _ = new_key(PEPPER, "acme", (INGEST,))
    ahead = changed(key, name="written by a clock that is ahead")
    ahead = Key(**{**vars(ahead), "changed_at": ahead.changed_at + 10**18})

    revoked = changed(ahead, revoked_at=NOW)

    assert later({key.id: ahead}, {key.id: revoked}) == {key.id: revoked}
    assert later({key.id: revoked}, {key.id: ahead}) == {key.id: revoked}


def test_a_pepper_that_others_can_read_is_refused(tmp_path: Path) -> None:
    KeyFile(tmp_path).pepper()
    (tmp_path / "pepper").chmod(0o644)

    with pytest.raises(KeyFileUnusable, match="mode 0644"):
        KeyFile(tmp_path).pepper()


def test_a_file_of_keys_that_cannot_be_read_is_named_with_the_way_out(tmp_path: Path) -> None:
    for content in ("{", '{"format": 2, "keys": []}', "[]"):
        (tmp_path / "keys.json").write_text(content)

        with pytest.raises(KeyFileUnusable, match=r"keys\.json cannot be read.*move it away"):
            KeyFile(tmp_path).keys()


def test_a_pepper_can_be_given_so_that_collectors_share_it(tmp_path: Path) -> None:
    given = "ab" * 32

    assert KeyFile(tmp_path / "a", given).pepper() == KeyFile(tmp_path / "b", given).pepper()
    with pytest.raises(KeyFileUnusable, match="TOLLBOOK_KEY_PEPPER must be 32 bytes"):
        KeyFile(tmp_path, "short").pepper()
