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


def test_of_several_hosts_the_one_that_may_be_written_is_asked_for() -> None:
    """Several hosts get the attribute and a short bound for each; one host keeps its own way of saying no."""
    several = conninfo_to_dict(enduring("postgresql://notify@a,b,c/ledger"))
    by_address = conninfo_to_dict(enduring("hostaddr=192.0.2.1,192.0.2.2 dbname=ledger"))
    alone = conninfo_to_dict(enduring("host=a dbname=ledger"))

    for one in (several, by_address):
        assert one["target_session_attrs"] == "read-write"
        assert int(one["connect_timeout"]) == CONNECT_TIMEOUT_OF_SEVERAL_S
    assert "target_session_attrs" not in alone
    assert int(alone["connect_timeout"]) == CONNECT_TIMEOUT_S


def test_a_server_that_is_cut_off_is_noticed() -> None:
    """Every connection asks the system to give up a silent server; nothing that bounds it may be left to a default."""
    given = conninfo_to_dict(enduring("host=a"))

    assert {name: int(given[name]) for name in NOTICED} == NOTICED
    assert set(NOTICED) == {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}


def test_what_the_operator_says_stays() -> None:
    """The DSN has the last word, and completing one twice changes nothing."""
    said = "host=a,b target_session_attrs=any connect_timeout=9 tcp_user_timeout=1"
    given = conninfo_to_dict(enduring(said))

    assert (given["target_session_attrs"], int(given["connect_timeout"]), int(given["tcp_user_timeout"])) == (
        "any",
        9,
        1,
    )
    assert conninfo_to_dict(enduring(enduring(said))) == given


def test_what_is_no_connection_string_is_said_so() -> None:
    """The error is the driver's, which the start turns into words."""
    with pytest.raises(psycopg.ProgrammingError):
        enduring("host a")
