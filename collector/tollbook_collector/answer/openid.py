"""Signing in with an identity provider (OpenID Connect): who a person is, and what grants let in.

The section [login] of tollbook.toml names the provider and the grants; the client's secret comes
from TOLLBOOK_OIDC_SECRET. The code is exchanged with PKCE, and what the provider says of a person
counts only with its signature, for this client, for this attempt.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, model_validator

from tollbook_collector.answer import session as sessions
from tollbook_collector.answer.login import let_in, own_path, sign_in_page
from tollbook_collector.answer.session import Session
from tollbook_collector.intake.keyring import OPEN_KEY, Keyring
from tollbook_collector.intake.keys import ADMIN, QUERY, TENANT, VIEW, Key
from tollbook_collector.policy import Policy, Section

START: Final = "/login/oidc"
CALLBACK: Final = "/login/callback"
ATTEMPT_S: Final = 600
TIMEOUT_S: Final = 10.0
# Keys and addresses of the provider are asked for again so often, and when a signature is by an
# unknown key.
METADATA_S: Final = 3_600.0
CLOCK_SKEW_S: Final = 60
ATTEMPT_COOKIE: Final = "tollbook_attempt"
ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]
SCOPES: Final = {"viewer": VIEW, "analyst": QUERY, "admin": ADMIN}


class Grant(BaseModel):
    """Who is let in, as whom.

    Attributes:
        claim: What the provider says of a person, as email or groups.
        value: What it has to be, or to contain.
        tenant: Whose data the person sees.
        role: viewer, analyst or admin.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str
    value: str
    tenant: str
    role: Literal["viewer", "analyst", "admin"] = "viewer"

    @property
    def digest(self) -> str:
        """Its name in sessions: a grant that was changed or removed ends them."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]


class Login(Section):
    """The section [login].

    Attributes:
        issuer: Address of the provider; empty: nobody signs in with one.
        client_id: As the provider knows this collector.
        public_url: Address of this collector as browsers see it.
        scope: What is asked for.
        grants: Who is let in; the first that fits counts.
    """

    issuer: str = ""
    client_id: str = ""
    public_url: str = ""
    scope: str = "openid email profile"
    grants: tuple[Grant, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> "Login":
        if not self.issuer:
            return self
        for name in ("issuer", "public_url"):
            parts = urlsplit(getattr(self, name))
            here = parts.hostname in ("127.0.0.1", "localhost", "::1")
            if parts.scheme != "https" and not (parts.scheme == "http" and here):
                raise ValueError(f"{name} begins with https:// (http:// only on this machine)")
        if not self.client_id:
            raise ValueError("client_id is needed with an issuer")
        for grant in self.grants:
            if not TENANT.fullmatch(grant.tenant):
                raise ValueError(f"{grant.tenant!r} is not a tenant")
        return self


class NotSignedIn(Exception):
    """A person could not be let in; the message says why."""


@dataclass(frozen=True)
class Attempt:
    """A person who was sent to the provider and is to come back.

    Args:
        state, nonce: What comes back with the person, and in what the provider signed.
        verifier: Of PKCE.
        to: Where the person wanted to go.
        expires_at: Seconds since 1970.
    """

    state: str
    nonce: str
    verifier: str
    to: str
    expires_at: float


class OpenId:
    """Speaks with the provider.

    Args:
        secret: Of this client at the provider; empty: it has none.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._metadata: dict[str, Any] = {}
        self._keys: Any = {}
        self._known_for = ("", 0.0)

    def address(self, login: Login, attempt: Attempt) -> str:
        """Return where a person is sent."""
        with self._client(login) as client:
            address, _ = client.create_authorization_url(
                self._about(login)["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(address)

    def claims(self, login: Login, attempt: Attempt, code: str) -> dict[str, Any]:
        """Return what the provider says of the person who came back with a code.

        Raises:
            NotSignedIn: It says nothing that counts.
        """
        try:
            with self._client(login) as client:
                token = client.fetch_token(
                    self._about(login)["token_endpoint"],
                    code=code,
                    code_verifier=attempt.verifier,
                )
            return self._verified(login, attempt, str(token.get("id_token", "")))
        except (AuthlibBaseError, JoseError, httpx.HTTPError, KeyError, ValueError) as error:
            raise NotSignedIn(f"the identity provider's answer does not count: {error}") from error

    def _verified(self, login: Login, attempt: Attempt, token: str) -> dict[str, Any]:
        try:
            decoded = jwt.decode(token, KeySet.import_key_set(self._keys), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            # The provider may have new keys.
            self._known_for = ("", 0.0)
            self._about(login)
            decoded = jwt.decode(token, KeySet.import_key_set(self._keys), algorithms=ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW_S,
            iss={"essential": True, "value": login.issuer},
            aud={"essential": True, "value": login.client_id},
            exp={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
        ).validate(decoded.claims)
        audiences = decoded.claims["aud"]
        if isinstance(audiences, list) and len(audiences) > 1:
            raise NotSignedIn("the token is for other programs as well")
        return dict(decoded.claims)

    def _about(self, login: Login) -> dict[str, Any]:
        """Return the provider's addresses, and know its keys."""
        issuer, since = self._known_for
        if issuer != login.issuer or time.monotonic() - since > METADATA_S:
            try:
                with httpx.Client(timeout=TIMEOUT_S, trust_env=True) as client:
                    place = f"{login.issuer.rstrip('/')}/.well-known/openid-configuration"
                    metadata = client.get(place).raise_for_status().json()
                    if metadata["issuer"] != login.issuer:
                        raise NotSignedIn(f"{place} is of another issuer: {metadata['issuer']}")
                    keys = client.get(metadata["jwks_uri"]).raise_for_status().json()
            except (httpx.HTTPError, KeyError, ValueError) as error:
                raise NotSignedIn(f"the identity provider does not answer: {error}") from error
            self._metadata, self._keys = metadata, keys
            self._known_for = (login.issuer, time.monotonic())
        return self._metadata

    def _client(self, login: Login) -> OAuth2Client:
        return OAuth2Client(
            login.client_id,
            self._secret or None,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=login.scope,
            redirect_uri=f"{login.public_url.rstrip('/')}{CALLBACK}",
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )


def grant_for(grants: Sequence[Grant], claims: Mapping[str, Any]) -> Grant | None:
    """Return the first grant that fits what the provider says of a person; None: none does."""
    for grant in grants:
        said = claims.get(grant.claim)
        values = said if isinstance(said, list) else [said]
        # An address that nobody verified may be anybody's.
        verified = grant.claim != "email" or claims.get("email_verified") is True
        if verified and any(isinstance(v, str) and v == grant.value for v in values):
            return grant
    return None


def key_of(login: Login, session: Session, like: Key) -> Key | None:
    """Return the key that a person's session stands for; None: the grant is gone."""
    for grant in login.grants:
        if login.issuer and hmac.compare_digest(grant.digest, session.grant):
            return replace(
                like,
                id=f"oidc:{session.name}",
                tenant=grant.tenant,
                name=session.name,
                scopes=(SCOPES[grant.role],),
            )
    return None


def add_openid(api: FastAPI, keyring: Keyring, policy: Any, secret: str) -> None:
    """Add the way to the provider and back.

    Args:
        api: Where.
        keyring: Whose pepper signs.
        policy: What returns tollbook.toml as it is now.
        secret: Of this client at the provider.
    """
    provider = OpenId(secret)

    def section() -> Login:
        current: Policy = policy()
        return current.section(Login)

    api.state.has_provider = lambda: bool(section().issuer)
    api.state.key_of_person = lambda session: key_of(section(), session, OPEN_KEY)

    @api.get(START, include_in_schema=False)
    def start(request: Request, next: str = "/") -> Response:
        login = section()
        if not login.issuer:
            return RedirectResponse("/login", 303)
        attempt = Attempt(
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(48),
            own_path(next),
            time.time() + ATTEMPT_S,
        )
        try:
            answer = RedirectResponse(provider.address(login, attempt), 303)
        except NotSignedIn as error:
            return sign_in_page(request, next, str(error), 503)
        answer.set_cookie(
            ATTEMPT_COOKIE,
            sessions.signed(keyring.pepper, json.dumps(vars(attempt))),
            max_age=ATTEMPT_S,
            httponly=True,
            secure=login.public_url.startswith("https"),
            samesite="lax",
            path=CALLBACK,
        )
        return answer

    @api.get(CALLBACK, include_in_schema=False)
    def callback(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
        login = section()
        try:
            attempt = _attempt(keyring, request.cookies.get(ATTEMPT_COOKIE, ""), state)
            if error or not code:
                raise NotSignedIn(f"the identity provider says: {error or 'nothing'}")
            claims = provider.claims(login, attempt, code)
            grant = grant_for(login.grants, claims)
            if grant is None:
                raise NotSignedIn("nobody has granted you anything here; ask who runs it")
        except NotSignedIn as refusal:
            return sign_in_page(request, "/", str(refusal), 403)
        name = str(claims.get("email") or claims.get("preferred_username") or claims["sub"])[:100]
        answer = let_in(request, keyring.pepper, Session("", "", grant.digest, name), attempt.to)
        answer.delete_cookie(ATTEMPT_COOKIE, path=CALLBACK, httponly=True)
        return answer


def _attempt(keyring: Keyring, cookie: str, state: str) -> Attempt:
    body = sessions.unsigned(keyring.pepper, cookie)
    attempt = Attempt(**json.loads(body)) if body else None
    if attempt is None or attempt.expires_at < time.time():
        raise NotSignedIn("this attempt to sign in is over; try again")
    if not hmac.compare_digest(attempt.state.encode(), state.encode()):
        raise NotSignedIn("this answer belongs to another attempt to sign in")
    return attempt
