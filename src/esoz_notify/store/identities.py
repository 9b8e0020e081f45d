"""Who a person is at an OpenID Connect provider.

What belongs here: the SQL of these. What does not: what a provider says and whether it is believed (engine).
"""

from esoz_notify.store.ledger import Connection


async def login_of(connection: Connection, issuer: str, subject: str) -> str | None:
    """The person of a subject."""
    query = "SELECT login FROM person_identity WHERE issuer = %s AND subject = %s"
    row = await (await connection.execute(query, [issuer, subject])).fetchone()
    return row[0] if row else None


async def login_of_email(connection: Connection, email_index: bytes, issuer: str) -> str | None:
    """The person of an e-mail address who is not known to this provider by a subject yet."""
    cursor = await connection.execute(
        "SELECT login FROM person p WHERE email_index = %s"
        " AND NOT EXISTS (SELECT FROM person_identity i WHERE i.login = p.login AND i.issuer = %s)",
        [email_index, issuer],
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def add_identity(connection: Connection, issuer: str, subject: str, login: str) -> bool:
    """Register a subject for a person; False when either is taken."""
    cursor = await connection.execute(
        "INSERT INTO person_identity (issuer, subject, login) VALUES (%s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING login",
        [issuer, subject, login],
    )
    return await cursor.fetchone() is not None


async def set_email(connection: Connection, login: str, email_index: bytes) -> bool:
    """Register an e-mail address for a person; False when it is another's."""
    cursor = await connection.execute(
        "UPDATE person SET email_index = %s WHERE login = %s"
        " AND NOT EXISTS (SELECT FROM person o WHERE o.email_index = %s AND o.login <> %s) RETURNING login",
        [email_index, login, email_index, login],
    )
    return await cursor.fetchone() is not None
