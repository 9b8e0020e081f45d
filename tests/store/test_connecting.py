"""What a connection string is given so that a failover is noticed in bounded time."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from esoz_notify.store.connecting import (
    CONNECT_TIMEOUT_OF_SEVERAL_S,
    CONNECT_TIMEOUT_S,
    NOTICED,
    enduring,
)


def parts(dsn: str) -> dict[str, str]:
    """What a connection string says, each as it is written."""
    return {name: str(value) for name, value in conninfo_to_dict(dsn).items()}


def test_of_several_hosts_the_one_that_may_be_written_is_asked_for() -> None:
    """Several hosts get the attribute and a short bound for each; one host keeps its own way of saying no."""
    several = parts(enduring("postgresql://notify@a,b,c/ledger"))
    by_address = parts(enduring("hostaddr=192.0.2.1,192.0.2.2 dbname=ledger"))
    alone = parts(enduring("host=a dbname=ledger"))

    for one in (several, by_address):
        assert one["target_session_attrs"] == "read-write"
        assert int(one["connect_timeout"]) == CONNECT_TIMEOUT_OF_SEVERAL_S
    assert "target_session_attrs" not in alone
    assert int(alone["connect_timeout"]) == CONNECT_TIMEOUT_S


def test_a_server_that_is_cut_off_is_noticed() -> None:
    """Every connection asks the system to give up a silent server; nothing that bounds it may be left to a default."""
    given = parts(enduring("host=a"))

    assert {name: int(given[name]) for name in NOTICED} == NOTICED
    assert set(NOTICED) == {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}


def test_what_the_operator_says_stays() -> None:
    """The DSN has the last word, and completing one twice changes nothing."""
    said = "host=a,b target_session_attrs=any connect_timeout=9 tcp_user_timeout=1"
    given = parts(enduring(said))

    assert given.items() >= {"target_session_attrs": "any", "connect_timeout": "9", "tcp_user_timeout": "1"}.items()
    assert parts(enduring(enduring(said))) == given


def test_what_is_no_connection_string_is_said_so() -> None:
    """The error is the driver's, which the start turns into words."""
    with pytest.raises(psycopg.ProgrammingError):
        enduring("host a")
