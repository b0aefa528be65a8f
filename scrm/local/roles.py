"""Which database roles does the product use, and what may each of them do?"""

from typing import NamedTuple

import psycopg2
from psycopg2 import sql

from scrm.local.errors import LocalError
from scrm.local.state import State

SUPERUSER = "postgres"
DATABASE = "scrm"


class Role(NamedTuple):
    name: str
    attributes: str


# The same three as docker/roles.sh. Row level security binds the first two; the platform role
# passes by it but is granted only columns of ids and times.
OWNER = Role("scrm_owner", "LOGIN NOSUPERUSER CREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")
APP = Role("scrm_app", "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS")
PLATFORM = Role(
    "scrm_platform", "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS"
)


def url(state: State, role: Role, port: int) -> str:
    return f"postgres://{role.name}:{state.secret(role.name)}@127.0.0.1:{port}/{DATABASE}"


def connect(state: State, port: int, database: str = SUPERUSER) -> "psycopg2.extensions.connection":
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=port,
        user=SUPERUSER,
        password=state.secret(SUPERUSER),
        dbname=database,
        connect_timeout=5,
    )
    connection.autocommit = True
    return connection


def provide(state: State, port: int) -> None:
    """Create or correct the roles and the database; any number of times."""
    connection = connect(state, port)
    try:
        with connection.cursor() as cursor:
            for role in (OWNER, APP, PLATFORM):
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role.name])
                verb = "ALTER" if cursor.fetchone() else "CREATE"
                cursor.execute(
                    sql.SQL("{} ROLE {} WITH {} PASSWORD {}").format(
                        sql.SQL(verb),
                        sql.Identifier(role.name),
                        sql.SQL(role.attributes),
                        sql.Literal(state.secret(role.name)),
                    )
                )
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not cursor.fetchone():
                cursor.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER.name)
                    )
                )
    except psycopg2.Error as error:
        raise LocalError(f"The database roles could not be made: {error}") from error
    finally:
        connection.close()


def identity(state: State, port: int) -> str:
    """The number that Postgres gave this cluster when it was made."""
    connection = connect(state, port)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT system_identifier FROM pg_control_system()")
            row = cursor.fetchone()
    finally:
        connection.close()
    return str(row[0]) if row else ""
