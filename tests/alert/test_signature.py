"""Signatures are those of the Standard Webhooks specification."""

import base64
from datetime import UTC, datetime

import pytest

from tollbook_collector.alert.signature import WrongSecret, headers, secret_bytes


def test_the_vector_of_the_specification_is_met() -> None:
    secret = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.fromtimestamp(1614265330, UTC)

    found = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret])

    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_sign_while_receivers_change_over() -> None:
    new, old = b"n" * 24, b"o" * 24
    at = datetime.fromtimestamp(0, UTC)

    both = headers("msg_a", at, b"x", [new, old])["webhook-signature"].split(" ")

    assert both == [
        headers("msg_a", at, b"x", [secret])["webhook-signature"] for secret in (new, old)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_not base64!",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_a_secret_that_is_none_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(WrongSecret) as refused:
        secret_bytes(text)

    assert text[6:] == "" or text[6:] not in str(refused.value)
