"""What answers mean and when a call is tried again, without a network."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.integrations import rules
from control.integrations.rules import PartnerReply

CASES = [
    (PartnerReply(200), "ok", True, False, False),
    (PartnerReply(204), "ok", True, False, False),
    (PartnerReply(200, readable=False), "unusable", False, False, False),
    (PartnerReply(302), "forbidden", None, False, False),
    (PartnerReply(400), "refused", True, False, False),
    (PartnerReply(402), "refused", True, False, False),
    (PartnerReply(401), "credentials", True, False, False),
    (PartnerReply(403), "credentials", True, False, False),
    (PartnerReply(408), "failed", False, False, True),
    (PartnerReply(429), "throttled", True, True, True),
    (PartnerReply(500), "failed", False, False, True),
    (PartnerReply(503), "failed", False, False, True),
    (PartnerReply(0, "dns"), "unreached", False, True, True),
    (PartnerReply(0, "connect"), "unreached", False, True, True),
    (PartnerReply(0, "tls"), "unreached", False, True, True),
    (PartnerReply(0, "timeout"), "silent", False, False, True),
    (PartnerReply(0, "reset"), "failed", False, False, True),
    (PartnerReply(0, "invalid"), "failed", False, False, True),
    (PartnerReply(0, "too_large"), "failed", False, False, True),
    (PartnerReply(0, "address_refused"), "forbidden", None, False, False),
]


@pytest.mark.parametrize(("reply", "verdict", "works", "once_more", "repeatable_once_more"), CASES)
def test_what_an_answer_means(
    reply: PartnerReply, verdict: str, works: bool | None, once_more: bool, repeatable_once_more: bool
) -> None:
    found = rules.verdict(reply)
    assert found == verdict
    assert rules.counts(found) is works
    assert rules.again(found, repeatable=False) is once_more
    assert rules.again(found, repeatable=True) is repeatable_once_more


@given(
    st.integers(0, 999),
    st.sampled_from(["", "dns", "connect", "tls", "timeout", "reset", "invalid"]),
    st.booleans(),
)
def test_what_may_have_been_done_is_never_repeated(status: int, error: str, readable: bool) -> None:
    verdict = rules.verdict(PartnerReply(status, error, readable))
    assert not (rules.maybe_done(verdict) and rules.again(verdict, repeatable=False))


@given(st.integers(1, 3), st.floats(0, 1))
def test_waits_double_with_jitter(tried: int, jitter: float) -> None:
    whole = 2.0 ** (tried - 1)
    assert whole / 2 <= rules.wait_s(tried, jitter, None) <= whole
    assert rules.wait_s(tried, jitter, 7.0) == 7.0


@pytest.mark.parametrize(("header", "seconds"), [
    ("", None), ("2", 2.0), (" 120 ", 120.0), ("-1", None), ("soon", None), ("9" * 30, None), ("1.5", None),
    ("Fri, 31 Dec 1999 23:59:59 GMT", 9.0), ("Fri, 31 Dec 1999 23:59:40 GMT", 0.0), ("Fri, 99 Dec 1999", None),
])  # fmt: skip
def test_retry_after_in_seconds_or_as_a_date(header: str, seconds: float | None) -> None:
    assert rules.retry_after(header, 946684790.0) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_breaks_it(header: str) -> None:
    found = rules.retry_after(header, 0.0)
    assert found is None or found >= 0
