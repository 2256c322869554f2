"""Who asks, and whose data they may see: the one guard of REST, pages, SQL and the keys.

The tenant comes from the key that a request carries, never from what it says: as
`authorization: Bearer KEY`, `x-api-key: KEY` or `x-clickhouse-key: KEY`, as the password of Basic
authentication, or as the session of somebody who signed in. A collector without keys is open, to
this machine only.

Three roles, each with all that the one before may:

    Viewer   the scope `view`: reads pages and REST
    Analyst  the scope `query`: asks in SQL, handles incidents and alerts
    Admin    the scope `admin`: keys, ledger, audit

What a browser adds by itself (a session, a password, or nothing where no key is needed) proves
nothing about who made the request: what changes something must come from our own pages, and with a
session carry its CSRF token, as the form field `csrf` or the header `x-csrf-token`.
"""

import base64
import binascii
import hmac
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, FastAPI, HTTPException, Request

from tollbook_collector.answer import session as sessions
from tollbook_collector.answer.session import Session
from tollbook_collector.intake.allowance import Allowance, AllowanceSpent
from tollbook_collector.intake.keyring import (
    Keyring,
    NotLetIn,
    ScopeMissing,
    TooManyFailures,
    presented,
)
from tollbook_collector.intake.keys import ADMIN, INGEST, QUERY, VIEW, Key, id_of
from tollbook_collector.settings import is_loopback

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser says of a request that one of our own pages, or its user, made.
OWN_SITE: Final = frozenset({"same-origin", "none"})
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"
ROLES: Final = {ADMIN: "admin", QUERY: "analyst", VIEW: "viewer"}


async def viewer(request: Request) -> Key:
    """Return the key by which a request may read."""
    return await _let_in_to_act(request, VIEW)


async def analyst(request: Request) -> Key:
    """Return the key by which a request may ask in SQL and handle incidents."""
    return await _let_in_to_act(request, QUERY)


async def admin(request: Request) -> Key:
    """Return the key by which a request may manage keys.

    An open collector has to be asked by the name of this machine: a page of another site that had
    its own name pointed here would otherwise make itself a key.
    """
    key = await _let_in_to_act(request, ADMIN)
    if not key.id and not is_loopback(_host(request)):
        raise HTTPException(403, "without keys, keys are managed by way of 127.0.0.1 alone")
    return key


async def sender(request: Request) -> Key:
    """Return the key by which a program sends."""
    return await _let_in_to_act(request, INGEST)


# Async, as what is not would be handed to a thread and back for each request: 0.1 ms.
async def tenant_of(key: Annotated[Key, Depends(viewer)]) -> str:
    """Return the tenant that the request was let in for."""
    return key.tenant


async def tenant_of_analyst(key: Annotated[Key, Depends(analyst)]) -> str:
    """Return the tenant whose incidents the request may handle."""
    return key.tenant


async def tenant_of_admin(key: Annotated[Key, Depends(admin)]) -> str:
    """Return the tenant whose money or keys the request may change."""
    return key.tenant


async def tenant_of_sender(key: Annotated[Key, Depends(sender)]) -> str:
    """Return the tenant that a program sends for: it asks with the key that it sends with."""
    return key.tenant


Tenant = Annotated[str, Depends(tenant_of)]
SenderTenant = Annotated[str, Depends(tenant_of_sender)]
AnalystTenant = Annotated[str, Depends(tenant_of_analyst)]
AdminTenant = Annotated[str, Depends(tenant_of_admin)]
Reader = Annotated[Key, Depends(viewer)]
Analyst = Annotated[Key, Depends(analyst)]
Admin = Annotated[Key, Depends(admin)]


def may_read(request: Request) -> bool:
    """Return whether a request could read, without counting it against anybody."""
    try:
        _let_in(request, VIEW)
    except HTTPException:
        return False
    return True


def is_browsing(request: Request) -> bool:
    """Return whether a person looks at a page, who is answered by a page."""
    wants_page = "text/html" in request.headers.get("accept", "")
    return wants_page and not request.url.path.startswith("/v1/")


def who(request: Request) -> Key | None:
    """Return the key that a request was let in by; None: it was not, or not yet."""
    key = getattr(request.state, "key", None)
    return key if isinstance(key, Key) else None


def role_of(key: Key) -> str:
    """Return the highest role of a key; empty: it only sends."""
    return next((role for scope, role in ROLES.items() if key.allows(scope)), "")


def name_of(key: Key) -> str:
    """Return how a key is called in what people read: `finops (Ab3dEf9h)`, or `somebody`."""
    if key.id.startswith("oidc:"):
        return key.name
    return f"{key.name} ({key.id})" if key.name and key.id else key.id or "somebody"


def csrf_of(request: Request) -> str:
    """Return the CSRF token for the forms of a page; empty: no session, none is needed."""
    session = session_of(request)
    return sessions.csrf_token(_parts(request.app)[0].pepper, session) if session else ""


def session_of(request: Request) -> Session | None:
    """Return the session whose cookie a request carries; None: none that counts."""
    ring, _ = _parts(request.app)
    for name in (sessions.SECURE_COOKIE, sessions.PLAIN_COOKIE):
        if cookie := request.cookies.get(name):
            session = sessions.unsealed(ring.pepper, cookie)
            if session and session not in request.app.state.ended_sessions:
                return session
    return None


def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site made a browser send; programs say nothing of a site."""
    site = request.headers.get("sec-fetch-site", "none")
    origin = request.headers.get("origin", "")
    host = request.headers.get("host", "")
    if site not in OWN_SITE or (origin and urlsplit(origin).netloc.lower() != host.lower()):
        said = origin if site in OWN_SITE else site
        raise HTTPException(403, f"a page of another site ({said}) may not do this")


async def _let_in_to_act(request: Request, scope: str) -> Key:
    key = _let_in(request, scope)
    session = getattr(request.state, "session", None)
    if request.method not in READING and isinstance(session, Session):
        wanted = sessions.csrf_token(_parts(request.app)[0].pepper, session)
        if not hmac.compare_digest((await _csrf_given(request)).encode(), wanted.encode()):
            raise HTTPException(
                403,
                "the form's token is not that of your session: load the page again"
                f" (programs send a key, or the token as {CSRF_HEADER})",
            )
    return key


async def _csrf_given(request: Request) -> str:
    if given := request.headers.get(CSRF_HEADER):
        return given
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return ""
    field = (await request.form()).get(CSRF_FIELD)
    return field if isinstance(field, str) else ""


def _let_in(request: Request, scope: str) -> Key:
    ring, allowance = _parts(request.app)
    token, session = _token(request), None
    if not token and not ring.open:
        session = session_of(request)
    # A browser adds a password, a session or the run of this machine to what any site sends.
    if not _token_of_program(request) and request.method not in READING:
        refuse_other_sites(request)
    source = request.client.host if request.client else ""
    try:
        key = _key_of_session(request, session, scope) if session else None
        if key is None:
            key, session = ring.check(token, scope, source), None
        allowance.take_request(key)
    except NotLetIn as error:
        if is_browsing(request):
            to = f"/login?next={quote(_page_asked(request), safe='')}"
            raise HTTPException(303, str(error), {"location": to}) from error
        challenge = {"www-authenticate": 'Bearer realm="tollbook"'}
        raise HTTPException(401, str(error), challenge) from error
    except ScopeMissing as error:
        # Known, and let into nothing: the audit shall know who tried.
        request.state.key = ring.active(session.key if session else id_of(token))
        raise HTTPException(403, str(error)) from error
    except (AllowanceSpent, TooManyFailures) as error:
        after = {"retry-after": str(error.retry_after_s)}
        raise HTTPException(429, str(error), after) from error
    request.state.key, request.state.session = key, session
    return key


def _page_asked(request: Request) -> str:
    """Return the page that somebody wants to see: of a form that was sent, the one it is on."""
    url = urlsplit(str(request.url))
    if request.method not in READING:
        url = urlsplit(request.headers.get("referer", ""))
    return (url.path or "/") + (f"?{url.query}" if url.query else "")


def _token_of_program(request: Request) -> str:
    """Return the key in a header that no browser adds by itself; empty: none."""
    headers = request.headers
    given = presented(headers.get("authorization", ""), headers.get("x-api-key", ""))
    return given or headers.get("x-clickhouse-key", "")


def _token(request: Request) -> str:
    """Return the key that a request carries, also as a password; empty: none."""
    authorization = request.headers.get("authorization", "")
    is_basic = authorization.lower().startswith("basic ")
    return _token_of_program(request) or (password_in(authorization) if is_basic else "")


def _key_of_session(request: Request, session: Session, scope: str) -> Key | None:
    """Return what a session stands for; None: what let it in is gone."""
    ring, _ = _parts(request.app)
    if session.grant:
        of_person = getattr(request.app.state, "key_of_person", None)
        found = of_person(session) if of_person else None
        key = found if isinstance(found, Key) else None
    else:
        key = ring.active(session.key)
    if key is not None and not key.allows(scope):
        raise ScopeMissing(f"your role is {role_of(key)}; this needs {ROLES.get(scope, scope)}")
    return key


def _parts(api: FastAPI) -> tuple[Keyring, Allowance]:
    collector: Any = api.state.collector
    ring, allowance = collector.keyring, collector.allowance
    assert isinstance(ring, Keyring)
    assert isinstance(allowance, Allowance)
    return ring, allowance


def password_in(authorization: str) -> str:
    """Return the password of Basic authentication; empty: there is none."""
    try:
        given = base64.b64decode(authorization[len("basic ") :], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return given.partition(":")[2]


def _host(request: Request) -> str:
    host = request.headers.get("host", "")
    return host if host.rpartition(":")[2].isdigit() else f"{host}:80"
