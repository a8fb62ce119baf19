# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What Odoo lacks to be one of several.

Its sessions are in PostgreSQL instead of files, so that every Odoo of an app knows
them: in the database `sessions`, whose table setup.py makes, and not in Odoo's own, so
that whoever copies that one copies nobody's session.

While no PostgreSQL answers, it waits. (Without that every Odoo would end: its first
process does as soon as it cannot connect.) What waited for too long is told to come
again, and nobody is signed out. (Odoo takes such a database for one that was deleted.)
"""

import json
import logging
import time

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED
from werkzeug.exceptions import ServiceUnavailable

from odoo import http, sql_db
from odoo.tools import config

_logger = logging.getLogger(__name__)

DATABASE = "sessions"
#: Seconds that PostgreSQL may take to start anew, or another one to take its place.
PATIENCE = 60

borrow = sql_db.ConnectionPool.borrow
serve_db = http.Request._serve_db


class NoAnswer(psycopg2.OperationalError):
    """No PostgreSQL answered for as long as it is waited for."""


def borrow_when_there(pool, connection_info):
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return borrow(pool, connection_info)
        except psycopg2.OperationalError as error:
            if "does not exist" in str(error):
                raise
            if time.monotonic() > end:
                _logger.warning("No PostgreSQL for %s s: %s", PATIENCE, error)
                raise NoAnswer(str(error)) from error
        time.sleep(0.5)


def serve_db_or_later(request):
    """Serve the request; again, if the server ends before anything of it was done."""
    for last in (False, False, True):
        try:
            return serve_db(request)
        except http.RegistryError as error:
            # Others are those of a database without Odoo's tables.
            if not isinstance(error.__cause__, psycopg2.OperationalError):
                raise
            if last or isinstance(error.__cause__, NoAnswer):
                raise ServiceUnavailable() from error


def execute(query, *parameters):
    """The rows of a query, in a transaction of its own; again, if the server ends in
    the middle of it."""
    for last in (False, False, True):
        try:
            with sql_db.db_connect(DATABASE).cursor() as cr:
                # Of two requests that save the same session at once, the later one
                # wins, as with files.
                cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
                cr.execute(query, parameters, log_exceptions=False)
                return cr.fetchall() if cr.description else []
        except NoAnswer as error:
            raise ServiceUnavailable() from error
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            if last:
                raise


class DatabaseSessionStore(http.FilesystemSessionStore):
    """Does in the database what its base class does with files."""

    def get(self, sid):
        if not self.is_valid_key(sid):
            return self.new()
        rows = execute("SELECT data FROM session WHERE sid = %s", sid)
        if not rows:
            return self.new()
        return self.session_class(json.loads(rows[0][0]), sid)

    def save(self, session):
        if not self.is_valid_key(session.sid):
            raise ValueError(f"Invalid session id {session.sid!r}")
        execute(
            "INSERT INTO session (sid, data) VALUES (%s, %s)"
            " ON CONFLICT (sid) DO UPDATE SET data = excluded.data, saved = now()",
            session.sid,
            json.dumps(dict(session)),
        )

    def delete(self, session):
        execute("DELETE FROM session WHERE sid = %s", session.sid)

    def vacuum(self, max_lifetime=http.SESSION_LIFETIME):
        execute(
            "DELETE FROM session WHERE saved < now() - %s * interval '1 second'",
            max_lifetime,
        )

    def get_missing_session_identifiers(self, identifiers):
        identifiers = set(identifiers)
        rows = execute(
            "SELECT left(sid, 42) FROM session WHERE left(sid, 42) = ANY(%s)",
            list(identifiers),
        )
        return identifiers - {identifier for (identifier,) in rows}

    def delete_from_identifiers(self, identifiers):
        for identifier in identifiers:
            if not http._session_identifier_re.match(identifier):
                raise ValueError(f"{identifier!r} does not identify a session")
        execute("DELETE FROM session WHERE left(sid, 42) = ANY(%s)", list(identifiers))


sql_db.ConnectionPool.borrow = borrow_when_there
http.Request._serve_db = serve_db_or_later
http.root.session_store = DatabaseSessionStore(
    config.session_dir, session_class=http.Session, renew_missing=True
)
