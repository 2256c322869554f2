"""Signing in and out of the pages: a key is exchanged for a session, and the session ended."""

from typing import Annotated, Final

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from tollbook_collector.answer import session as sessions
from tollbook_collector.answer.pages.render import page
from tollbook_collector.answer.session import EndedSessions, Session
from tollbook_collector.answer.tenant import Reader, refuse_other_sites
from tollbook_collector.intake.keyring import Keyring, NotLetIn, ScopeMissing, TooManyFailures
from tollbook_collector.intake.keys import VIEW, Pepper

NEXT_CHARACTERS_MAX: Final = 2_000


def add_login(api: FastAPI, keyring: Keyring) -> None:
    """Add the page that lets people in, and the way out."""
    api.state.ended_sessions = EndedSessions()

    @api.get("/login", include_in_schema=False)
    def form(request: Request, next: str = "/") -> Response:
        if keyring.open:
            return RedirectResponse(own_path(next), 303)
        return sign_in_page(request, next)

    @api.post("/login", include_in_schema=False)
    def login(
        request: Request, key: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/"
    ) -> Response:
        refuse_other_sites(request)
        return _exchange(request, keyring, key.strip(), next)

    @api.post("/logout", include_in_schema=False)
    def logout(request: Request, _: Reader) -> Response:
        session = getattr(request.state, "session", None)
        if not isinstance(session, Session):
            raise HTTPException(400, "there is no session to end")
        api.state.ended_sessions.add(session)
        answer = RedirectResponse("/login", 303)
        for name in (sessions.SECURE_COOKIE, sessions.PLAIN_COOKIE):
            answer.delete_cookie(name, secure=name == sessions.SECURE_COOKIE, httponly=True)
        return answer


def _exchange(request: Request, keyring: Keyring, token: str, to: str) -> Response:
    """Return a session for a key, or the form again with what is wrong."""
    source = request.client.host if request.client else ""
    try:
        found = keyring.check(token, VIEW, source)
    except NotLetIn:
        return sign_in_page(request, to, "That is no key that is valid now.", 401)
    except ScopeMissing as error:
        return sign_in_page(request, to, f"That key may not read: {error}.", 403)
    except TooManyFailures as error:
        return sign_in_page(request, to, f"{error}.", 429)
    if not found.id:
        return RedirectResponse(own_path(to), 303)
    request.state.key = found
    return let_in(request, keyring.pepper, Session("", key=found.id), to)


def let_in(request: Request, pepper: Pepper, session: Session, to: str) -> Response:
    """Return the answer that begins a session and leads on to where somebody wanted to go."""
    answer = RedirectResponse(own_path(to), 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        sessions.SECURE_COOKIE if secure else sessions.PLAIN_COOKIE,
        sessions.sealed(pepper, sessions.begun(session)),
        max_age=sessions.SESSION_S,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def own_path(to: str) -> str:
    """Return a path of ours; what could lead a browser to another site is `/`."""
    begins_well = to.startswith("/") and to[1:2] not in ("/", "\\")
    plain = all(" " < letter < "\x7f" and letter != "\\" for letter in to)
    return to if begins_well and plain and len(to) <= NEXT_CHARACTERS_MAX else "/"


def sign_in_page(request: Request, to: str, message: str = "", status: int = 200) -> Response:
    """Return the page where people sign in, with what was wrong before."""
    provided = getattr(request.app.state, "has_provider", lambda: False)()
    context = {
        "title": "Sign in",
        "next": own_path(to),
        "message": message,
        "provided": provided,
    }
    return page(request, "login", context, status)
