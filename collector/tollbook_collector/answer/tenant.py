"""Whose data a request may see: the one tenant guard of REST, pages and SQL.

The tenant comes from how the request was let in, never from what it says.
"""

from typing import Annotated

from fastapi import Depends, Request


def tenant_of(request: Request) -> str:
    """Return the tenant that the request was let in for."""
    tenant = request.app.state.collector.tenant
    assert isinstance(tenant, str)
    return tenant


Tenant = Annotated[str, Depends(tenant_of)]
