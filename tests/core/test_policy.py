"""Dated policies: the built-in file, the errors of a wrong one, and the route for one person."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import esoz_notify
from esoz_notify.core.channel import GUARANTEED, Channel, Step
from esoz_notify.core.errors import ConfigError
from esoz_notify.core.kinds import PolicyColumn
from esoz_notify.core.policy import NoPolicyInForce, Policies, Policy, load_policies, route_for

PROVIDERS: dict[Channel, Sequence[str]] = {Channel.SMS: ("smsc",), Channel.VIBER: ("aggregator",), Channel.DIIA: ()}
BUILT_IN = (Path(esoz_notify.__file__).parent / "policies.toml").read_text(encoding="utf-8")
VIBER_20, VIBER_90, VIBER_600 = (Step(Channel.VIBER, window_s) for window_s in (20.0, 90.0, 600.0))
SMS = Step(Channel.SMS)

GOOD = """\
[[policy]]
version = "one"
from = 2025-01-01
codes = [{ channel = "sms" }]
documents = [{ channel = "viber", window_s = 90 }, { channel = "sms" }]
rest = [
  # paper { is } enough
  { channel = "viber", window_s = 600 },
  { channel = "print" },
]

[[policy]]
version = "two"
from = 2025-06-01
codes = [{ channel = "sms" }]
documents = [{ channel = "sms" }]
rest = [{ channel = "sms" }]
"""


def load(text: str, providers: dict[Channel, Sequence[str]] | None = None) -> Policies:
    """Load a file with the usual providers."""
    return load_policies(text, source="policies.toml", providers=PROVIDERS if providers is None else providers)


def faults(text: str, providers: dict[Channel, Sequence[str]] | None = None) -> list[str]:
    """Every fault of a file, each beginning with its line."""
    with pytest.raises(ConfigError) as caught:
        load(text, providers)
    lines = caught.value.detail.splitlines()
    assert all(line.startswith("policies.toml:") for line in lines)
    return [line.removeprefix("policies.toml:") for line in lines]


def changed(old: str, new: str) -> str:
    """Give the good file with one change."""
    assert GOOD.count(old) >= 1
    return GOOD.replace(old, new, 1)


def test_the_built_in_policies() -> None:
    """The built-in file holds the three public orders of channels, by date."""
    policies = load(BUILT_IN)

    assert [(policy.version, policy.from_date) for policy in policies.all] == [
        ("2018-04-25", date(2018, 4, 25)),
        ("2025-02-20", date(2025, 2, 20)),
        ("2025-09-10", date(2025, 9, 10)),
    ]
    codes, documents, rest = PolicyColumn.CODES, PolicyColumn.DOCUMENTS, PolicyColumn.REST
    assert [policy.routes for policy in policies.all] == [
        {codes: (SMS,), documents: (SMS,), rest: (SMS,)},
        {codes: (VIBER_20, SMS), documents: (VIBER_90, SMS), rest: (VIBER_600, SMS)},
        {
            codes: (VIBER_20, SMS),
            documents: (Step(Channel.DIIA, 120.0), VIBER_90, SMS),
            rest: (VIBER_600, SMS),
        },
    ]


def test_a_policy_begins_at_midnight_in_kyiv() -> None:
    """The policy in force is the latest that has begun on the Kyiv calendar day."""
    policies = load(BUILT_IN)

    assert policies.in_force(datetime(2025, 9, 9, 20, 59, 59, tzinfo=UTC)).version == "2025-02-20"
    assert policies.in_force(datetime(2025, 9, 9, 21, tzinfo=UTC)).version == "2025-09-10"
    assert policies.in_force(datetime(2030, 1, 1, tzinfo=UTC)).version == "2025-09-10"


def test_before_the_first_policy_there_is_none() -> None:
    """A day before all policies is told by an error of its own, which names the first day."""
    with pytest.raises(NoPolicyInForce, match="begins on 2018-04-25") as caught:
        load(BUILT_IN).in_force(datetime(2018, 4, 1, tzinfo=UTC))

    assert caught.value.code == "no_policy_in_force"


def test_a_route_may_end_on_paper_without_a_provider() -> None:
    """Print is guaranteed and needs no provider."""
    assert load(GOOD).all[0].routes[PolicyColumn.REST] == (VIBER_600, Step(Channel.PRINT))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1: has no policy; add at least one [[policy]] table"),
        ("policy = 5", "1: has no policy; add at least one [[policy]] table"),
        ("policy = [5]", "1: policy 1: must be a table; write it as [[policy]]"),
        ("# nothing\npolicies = 1\n" + GOOD, "2: unknown key 'policies'; the file holds only [[policy]] tables"),
        (
            changed("rest = [{", "windows = 5\nrest = [{"),
            "17: policy 2: unknown key 'windows'; a policy has version, from, codes, documents, rest",
        ),
        (
            GOOD + '"new\\u0020key" = 1\n',
            "12: policy 2: unknown key 'new key'; a policy has version, from, codes, documents, rest",
        ),
        (changed('version = "one"\n', ""), "1: policy 1: version must be 1 to 40 of A-Z a-z 0-9 . _ - in quotes"),
        (changed('"one"', "1"), "2: policy 1: version must be 1 to 40 of A-Z a-z 0-9 . _ - in quotes"),
        (changed('"two"', '"a b"'), "13: policy 2: version must be 1 to 40 of A-Z a-z 0-9 . _ - in quotes"),
        (changed('"two"', '"one"'), "13: policy 2: version one is used by an earlier policy; give each its own"),
        (
            changed("2025-01-01", '"2025-01-01"'),
            "3: policy 1: from must be a date without quotes, such as from = 2025-09-10",
        ),
        (
            changed("2025-01-01", "2025-01-01T00:00:00"),
            "3: policy 1: from must be a date without quotes, such as from = 2025-09-10",
        ),
        (
            changed("2025-06-01", "2025-01-01"),
            "14: policy 2: from 2025-01-01 must be later than in every policy above; reorder",
        ),
        (
            changed("2025-06-01", "2024-06-01"),
            "14: policy 2: from 2024-06-01 must be later than in every policy above; reorder",
        ),
        (
            changed('codes = [{ channel = "sms" }]\n', ""),
            '1: policy 1: codes must be a list of steps, such as codes = [{channel = "sms"}]',
        ),
        (
            changed('codes = [{ channel = "sms" }]', "codes = []"),
            '4: policy 1: codes must be a list of steps, such as codes = [{channel = "sms"}]',
        ),
        (
            changed('[{ channel = "sms" }]', '["sms"]'),
            '4: policy 1: codes step 1: must be a table, such as {channel = "viber", window_s = 20}',
        ),
        (
            changed("window_s = 600", "window_s = 600, wait = 1"),
            "8: policy 1: rest step 1: unknown key 'wait'; a step has channel and window_s",
        ),
        (
            changed('"print"', '"fax"'),
            "9: policy 1: rest step 2: channel must be one of diia, viber, sms, print",
        ),
        (changed('"print"', "5"), "9: policy 1: rest step 2: channel must be one of diia, viber, sms, print"),
        *(
            (
                changed("window_s = 90", wrong),
                "5: policy 1: documents step 1: window_s must be from 1 to 86400 seconds; only the last step has none",
            )
            for wrong in ("window_s = 0", "window_s = 86401", "window_s = true", "window_s = nan", 'window_s = "90"')
        ),
        (
            changed(", window_s = 90", ""),
            "5: policy 1: documents step 1: window_s must be from 1 to 86400 seconds; only the last step has none",
        ),
        (
            changed('{ channel = "sms" }', '{ channel = "sms", window_s = 5 }'),
            "4: policy 1: codes step 1: the last step has no window_s, since nothing follows it; remove window_s",
        ),
        (
            changed('{ channel = "sms" }', '{ channel = "viber" }'),
            (
                "4: policy 1: codes step 1: viber does not reach everybody, so a route cannot end with it; "
                "end it with print or sms"
            ),
        ),
        (
            changed('[{ channel = "sms" }]', '[{ channel = "sms", window_s = 5 }, { channel = "sms" }]'),
            "4: policy 1: codes step 2: sms is already in this route; each channel has one step",
        ),
        (
            changed('[{ channel = "sms" }]', '[{ channel = "print", window_s = 5 }, { channel = "sms" }]'),
            "4: policy 1: codes step 1: print ends a route: nothing tells when paper has failed; make it the last step",
        ),
    ],
)
def test_a_wrong_file_is_told_by_line_rule_and_fix(text: str, fault: str) -> None:
    """Each rule on the file stops the start and names the line at fault, the rule and what to do."""
    assert faults(text) == [fault]


def test_all_faults_are_told_at_once() -> None:
    """A file with several faults is told all of them."""
    text = changed('"one"', '""').replace("2025-06-01", "true").replace('"print"', '"diia"')

    assert [fault.split(": ", 2)[0] for fault in faults(text)] == ["2", "9", "14"]


@pytest.mark.parametrize("providers", [{}, {Channel.SMS: ()}])
def test_the_guaranteed_channel_needs_a_provider(providers: dict[Channel, Sequence[str]]) -> None:
    """A route that ends in SMS is a promise that only a configured provider can keep; print alone needs none."""
    found = faults(GOOD, providers)

    assert [fault.split(":")[0] for fault in found] == ["4", "5", "15", "16", "17"]
    assert found[0] == (
        "4: policy 1: codes step 1: sms is the guaranteed last step and no provider of it is configured; configure one"
    )


def test_steps_may_be_written_as_tables() -> None:
    """TOML's longer spelling of the same lists is read, and its faults are told at the table's line."""
    text = '[[policy]]\nversion = "a"\nfrom = 2025-01-01\n' + "".join(
        f'[[policy.{column}]]\nchannel = "sms"\n' for column in PolicyColumn
    )

    assert load(text).all[0].routes[PolicyColumn.REST] == (SMS,)
    assert faults(text + "window_s = 5\n")[0].startswith("8: policy 1: rest step 1: ")


def test_a_list_of_inline_tables_is_read_too() -> None:
    """Policies may also stand in one inline list; their faults are then told at the first line that names the key."""
    text = 'policy = [{version = "a", from = 2025-01-01, codes = [{channel = "sms"}], documents = [{channel = "sms"}]}]'

    assert faults(text) == ['1: policy 1: rest must be a list of steps, such as rest = [{channel = "sms"}]']


@pytest.mark.parametrize(
    ("text", "line"),
    [(GOOD.replace('"two"', "two"), "13"), (GOOD + "codes", "18"), (GOOD + 'x = """\nno end\n', "19"), ("[", "1")],
)
def test_a_file_that_is_not_toml_is_told_by_line(text: str, line: str) -> None:
    """A syntax error names its line, also when the file ends too early."""
    found = faults(text)

    assert len(found) == 1
    assert found[0].startswith(f"{line}: is not TOML: ")


# --- the route for one person --------------------------------------------------------------------------------------

LATEST = load(BUILT_IN).all[-1]
ALL = frozenset(Channel)


def route(has_tax_id: bool, configured: frozenset[Channel]) -> tuple[list[str], list[tuple[str, str]]]:
    """Channels of the documents route, and the skipped ones with their reasons."""
    found = route_for(LATEST, PolicyColumn.DOCUMENTS, has_tax_id=has_tax_id, configured=configured)
    return [step.channel for step in found.steps], [(channel, reason.code) for channel, reason in found.skipped]


def test_a_route_with_everything() -> None:
    """A person with a tax number gets every step of the policy."""
    assert route(True, ALL) == (["diia", "viber", "sms"], [])


def test_diia_needs_a_tax_number() -> None:
    """Without a tax number Diia is left out, and the reason is kept."""
    assert route(False, ALL) == (["viber", "sms"], [("diia", "diia_without_tax_id")])


def test_channels_without_a_provider_are_left_out() -> None:
    """A channel that is not configured is left out with its reason; the guaranteed one stays whatever happens."""
    assert route(True, frozenset({Channel.VIBER})) == (["viber", "sms"], [("diia", "channel_not_configured")])
    assert route(False, frozenset()) == (
        ["sms"],
        [("diia", "channel_not_configured"), ("viber", "channel_not_configured")],
    )


@given(
    st.sampled_from(load(BUILT_IN).all),
    st.sampled_from(PolicyColumn),
    st.booleans(),
    st.frozensets(st.sampled_from(Channel)),
)
def test_every_route_ends_in_a_guaranteed_channel(
    policy: Policy, column: PolicyColumn, has_tax_id: bool, configured: frozenset[Channel]
) -> None:
    """Whatever is left out, each step of the policy is either in the route, in order, or skipped with a reason."""
    found = route_for(policy, column, has_tax_id=has_tax_id, configured=configured)

    assert found.steps[-1].channel in GUARANTEED
    assert found.steps[-1].window_s is None
    skipped = {channel for channel, _ in found.skipped}
    assert found.steps == tuple(step for step in policy.routes[column] if step.channel not in skipped)
