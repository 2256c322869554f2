"""Who asks, and whose data they may see: the one guard of REST, pages, SQL and the keys.

The tenant comes from the key that a request carries, never from what it says: as
`authorization: Bearer KEY` or `x-api-key: KEY`, or as the password of Basic authentication, which
is how a browser is let in. A collector without keys is open, to this machine only.
"""

import base64
import binascii
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, HTTPException, Request

from tollbook_collector.intake.allowance import Allowance, AllowanceSpent
from tollbook_collector.intake.keyring import (
    Keyring,
    NotLetIn,
    ScopeMissing,
    TooManyFailures,
    presented,
)
from tollbook_collector.intake.keys import ADMIN, INGEST, QUERY, Key
from tollbook_collector.settings import is_loopback

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser says of a request that one of our own pages, or its user, made.
OWN_SITE: Final = frozenset({"same-origin", "none"})


def reader(request: Request) -> Key:
    """Return the key by which a request may read."""
    return _let_in(request, QUERY)


def admin(request: Request) -> Key:
    """Return the key by which a request may manage keys.

    An open collector has to be asked by the name of this machine: a page of another site that had
    its own name pointed here would otherwise make itself a key.
    """
    key = _let_in(request, ADMIN)
    if not key.id and not is_loopback(_host(request)):
        raise HTTPException(403, "without keys, keys are managed by way of 127.0.0.1 alone")
    return key


def tenant_of(key: Annotated[Key, Depends(reader)]) -> str:
    """Return the tenant that the request was let in for."""
    return key.tenant


def tenant_of_admin(key: Annotated[Key, Depends(admin)]) -> str:
    """Return the tenant whose money or keys the request may change."""
    return key.tenant


def tenant_of_sender(request: Request) -> str:
    """Return the tenant that a program sends for: it asks with the key that it sends with."""
    return _let_in(request, INGEST).tenant


Tenant = Annotated[str, Depends(tenant_of)]
SenderTenant = Annotated[str, Depends(tenant_of_sender)]
AdminTenant = Annotated[str, Depends(tenant_of_admin)]
Reader = Annotated[Key, Depends(reader)]
Admin = Annotated[Key, Depends(admin)]


def may_read(request: Request) -> bool:
    """Return whether a request could read, without counting it against anybody."""
    try:
        _let_in(request, QUERY)
    except HTTPException:
        return False
    return True


def _let_in(request: Request, scope: str) -> Key:
    ring, allowance = _parts(request.app)
    headers = request.headers
    authorization = headers.get("authorization", "")
    token = presented(authorization, headers.get("x-api-key", ""))
    if not token and authorization.lower().startswith("basic "):
        token = _password(authorization)
        # A browser adds the password to what any site makes it send.
        site = headers.get("sec-fetch-site", "none")
        if request.method not in READING and site not in OWN_SITE:
            raise HTTPException(403, f"a page of another site ({site}) may not do this")
    source = request.client.host if request.client else ""
    try:
        key = ring.check(token, scope, source)
        allowance.take_request(key)
    except NotLetIn as error:
        scheme = "Basic" if "text/html" in headers.get("accept", "") else "Bearer"
        challenge = {"www-authenticate": f'{scheme} realm="tollbook"'}
        raise HTTPException(401, str(error), challenge) from error
    except ScopeMissing as error:
        raise HTTPException(403, str(error)) from error
    except (AllowanceSpent, TooManyFailures) as error:
        after = {"retry-after": str(error.retry_after_s)}
        raise HTTPException(429, str(error), after) from error
    return key


def _parts(api: FastAPI) -> tuple[Keyring, Allowance]:
    collector: Any = api.state.collector
    ring, allowance = collector.keyring, collector.allowance
    assert isinstance(ring, Keyring)
    assert isinstance(allowance, Allowance)
    return ring, allowance


def _password(authorization: str) -> str:
    try:
        given = base64.b64decode(authorization[len("basic ") :], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return given.partition(":")[2]


def _host(request: Request) -> str:
    host = request.headers.get("host", "")
    return host if host.rpartition(":")[2].isdigit() else f"{host}:80"
