"""Signing in with a real OpenID Connect exchange against a provider on this machine."""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from gates import PEPPER
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from playwright.sync_api import Browser
from pydantic import ValidationError
from serving import serving

from tollbook_collector.answer.api import create_api
from tollbook_collector.answer.openid import Grant, Login, grant_for
from tollbook_collector.intake.keyring import Keyring
from tollbook_collector.intake.keys import ADMIN, new_key
from tollbook_collector.store.client import ClickHouse

from .conftest import CHROMIUM, Reading

SECRET = "the-secret-of-the-client"


class Provider:
    """An identity provider: whoever comes is signed in at once as what `says` is."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.signing = self.key
        self.issuer = ""
        self.says: dict[str, Any] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self.application = FastAPI()
        self._add_routes(self.application)

    def _add_routes(self, app: FastAPI) -> None:
        @app.get("/.well-known/openid-configuration")
        def about() -> dict[str, str]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
            }

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            return dict(KeySet([self.key]).as_dict(private=False))

        @app.get("/authorize")
        def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            assert asked["code_challenge_method"] == "S256"
            code = secrets.token_hex(8)
            self._codes[code] = asked
            back = urlencode({"code": code, "state": asked["state"]})
            return RedirectResponse(f"{asked['redirect_uri']}?{back}", 303)

        @app.post("/token")
        def token(
            request: Request,
            code: str = Form(),
            code_verifier: str = Form(),
            redirect_uri: str = Form(),
        ) -> Response:
            asked = self._codes.pop(code)
            digest = hashlib.sha256(code_verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            basic = base64.b64encode(f"tollbook:{SECRET}".encode()).decode()
            right = (
                challenge == asked["code_challenge"]
                and redirect_uri == asked["redirect_uri"]
                and request.headers["authorization"] == f"Basic {basic}"
            )
            if not right:
                return JSONResponse({"error": "invalid_grant"}, 400)
            claims = {
                "iss": self.issuer,
                "aud": asked["client_id"],
                "sub": "u-1",
                "exp": int(time.time()) + 60,
                "nonce": asked["nonce"],
                **self.says,
            }
            signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signing)
            return JSONResponse(
                {"access_token": "x", "token_type": "Bearer", "id_token": signed, "expires_in": 60}
            )


class Policies:
    """tollbook.toml with a section [login]."""

    def __init__(self) -> None:
        self.login = Login()

    def section(self, model: type[Login]) -> Login:
        return self.login


@pytest.fixture(name="provider")
def _provider() -> Iterator[Provider]:
    provider = Provider()
    with serving(provider.application) as address:
        provider.issuer = address
        yield provider


@pytest.fixture(name="served")
def _served(
    priced: ClickHouse, tenant: str, provider: Provider
) -> Iterator[tuple[str, Policies, str]]:
    """Yield the address of a collector that trusts the provider, its policy and the tenant."""
    collector = Reading(priced, tenant)
    key, _ = new_key(PEPPER, tenant, (ADMIN,))
    collector.keyring = Keyring(PEPPER)
    collector.keyring.put({key.id: key})
    collector.policy = policies = Policies()
    collector.oidc_secret = SECRET
    with serving(create_api(collector)) as address:
        policies.login = Login(
            issuer=provider.issuer,
            client_id="tollbook",
            public_url=address,
            grants=(
                Grant(claim="groups", value="finops", tenant=tenant, role="analyst"),
                Grant(claim="email", value="boss@example.com", tenant=tenant, role="admin"),
            ),
        )
        yield address, policies, tenant


def visiting(address: str) -> httpx.Client:
    return httpx.Client(base_url=address, follow_redirects=True, headers={"accept": "text/html"})


def test_a_person_signs_in_sees_their_tenant_and_leaves(
    served: tuple[str, Policies, str], provider: Provider
) -> None:
    address, policies, _ = served
    provider.says = {"email": "ann@example.com", "groups": ["staff", "finops"]}
    with visiting(address) as client:
        page = client.get("/login/oidc", params={"next": "/models"})
        reads, manages = client.get("/v1/spend"), client.get("/v1/keys")
        policies.login = policies.login.model_copy(update={"grants": policies.login.grants[1:]})
        after = client.get("/v1/spend")

    assert (page.status_code, page.url.path) == (200, "/models")
    assert "ann@example.com" in page.text.replace("<wbr>", "")
    assert "analyst" in page.text
    assert (reads.status_code, manages.status_code) == (200, 403)
    # Without the grant the session is nobody's, at once.
    assert after.status_code == 401


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_a_browser_goes_to_another_site_to_sign_in_and_comes_back_signed_in(
    served: tuple[str, Policies, str], provider: Provider, browser: Browser
) -> None:
    address, policies, _ = served
    provider.says = {"email": "ann@example.com", "groups": ["finops"]}
    # To a browser this name is another site: what is sent with requests from there is less.
    provider.issuer = provider.issuer.replace("127.0.0.1", "localhost")
    policies.login = policies.login.model_copy(update={"issuer": provider.issuer})
    page = browser.new_page()
    page.goto(f"{address}/budgets")

    page.get_by_role("link", name="Sign in with your organisation").click()

    page.wait_for_url(f"{address}/budgets")
    assert page.locator(".signed-in span").inner_text() == "ann@example.com, analyst"
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{address}/budgets")
    assert page.url.startswith(f"{address}/login")
    page.close()


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"groups": ["staff"]}, "granted"),
        ({"email": "boss@example.com"}, "granted"),
        ({"email": "boss@example.com", "email_verified": False}, "granted"),
        ({"groups": "finops", "aud": "another-program"}, "does not count"),
        ({"groups": "finops", "nonce": "of-another-attempt"}, "does not count"),
        ({"groups": "finops", "exp": 1}, "does not count"),
        ({"groups": "finops", "iss": "https://evil.test"}, "does not count"),
    ],
)
def test_what_does_not_fit_lets_nobody_in(
    served: tuple[str, Policies, str], provider: Provider, says: dict[str, Any], words: str
) -> None:
    provider.says = says
    with visiting(served[0]) as client:
        page = client.get("/login/oidc")

        assert page.status_code == 403
        assert words in page.text
        assert client.get("/v1/spend").status_code == 401


def test_who_was_granted_nothing_is_shown_how_to_sign_in_and_no_pages(
    served: tuple[str, Policies, str], provider: Provider
) -> None:
    provider.says = {"groups": ["staff"]}
    with visiting(served[0]) as client:
        page = client.get("/login/oidc")

        assert "Sign in with your organisation" in page.text
        assert '<nav aria-label="Pages">' not in page.text


def test_a_signature_of_another_key_counts_for_nothing(
    served: tuple[str, Policies, str], provider: Provider
) -> None:
    provider.says = {"groups": ["finops"]}
    provider.signing = RSAKey.generate_key(2048, {"kid": "1"})
    with visiting(served[0]) as client:
        assert client.get("/login/oidc").status_code == 403


def test_an_answer_to_another_attempt_lets_nobody_in(
    served: tuple[str, Policies, str], provider: Provider
) -> None:
    provider.says = {"groups": ["finops"]}
    address = served[0]
    with httpx.Client(base_url=address) as victim, httpx.Client(base_url=address) as attacker:
        sent = attacker.get("/login/oidc").headers["location"]
        back = httpx.get(sent).headers["location"]
        victim.get("/login/oidc")
        path = urlsplit(back)

        stolen = victim.get(f"{path.path}?{path.query}")
        bare = httpx.get(f"{address}{path.path}?{path.query}")

    assert parse_qs(path.query)["state"]
    assert (stolen.status_code, bare.status_code) == (403, 403)
    assert "tollbook_session" not in stolen.headers.get("set-cookie", "")


def test_a_verified_address_is_a_grant_and_the_first_that_fits_counts() -> None:
    grants = [
        Grant(claim="email", value="a@x", tenant="one", role="admin"),
        Grant(claim="groups", value="g", tenant="two"),
    ]

    assert grant_for(grants, {"email": "a@x", "email_verified": True, "groups": ["g"]}) == grants[0]
    assert grant_for(grants, {"email": "a@x", "groups": ["g"]}) == grants[1]
    assert grant_for(grants, {"groups": {"g": 1}}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://accounts.example.com", "client_id": "x", "public_url": "https://t"},
        {"issuer": "https://accounts.example.com", "client_id": "", "public_url": "https://t"},
        {"issuer": "https://accounts.example.com", "client_id": "x", "public_url": ""},
    ],
)
def test_a_section_that_would_not_be_safe_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Login.model_validate(wrong)
