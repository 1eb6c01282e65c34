"""How often a stream's FFmpeg is started."""

from media.live.restart_backoff import RestartBackoff


def test_pauses_grow_and_the_thirteenth_start_is_refused() -> None:
    """A publish and 11 restarts in 10 minutes are let through, with growing pauses; another publish makes no
    restarts."""
    backoff, now, pauses = RestartBackoff(), 0.0, []
    assert backoff.start(now, "publish")
    while True:
        pauses.append(backoff.pause_s(now + 0.1))
        now += pauses[-1] + 0.1
        if not backoff.start(now, "restart"):
            break
    assert len(pauses) == 12
    assert pauses[:7] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8.0]
    assert backoff.start(now, "publish")
    assert not backoff.start(now, "restart")
    assert not backoff.rests(now + 599)
    assert backoff.rests(now + 600)
    assert backoff.start(now + 600, "restart")


def test_steady_work_makes_the_pause_short_again() -> None:
    """A crash after 20 s of good work is answered at once."""
    backoff = RestartBackoff()
    for at in (0.0, 1.0, 2.0):
        backoff.start(at, "restart")
        backoff.pause_s(at + 0.5)
    backoff.start(3.0, "restart")
    assert backoff.pause_s(30.0) == 0.2


def test_changes_of_the_input_are_braked_apart() -> None:
    """Six at once, then as many as six in 30 s; none of them counts as a failure."""
    backoff, now, pauses = RestartBackoff(), 100.0, []
    for _ in range(9):
        pauses.append(backoff.changed_pause_s(now))
        now += pauses[-1]
    assert pauses == [0, 0, 0, 0, 0, 0, 30, 0, 0]
    assert backoff.changed_pause_s(now + 100) == 0
    assert all(backoff.start(now, "restart") for _ in range(11))


def test_publishes_are_braked_apart() -> None:
    """An encoder that reconnects now and then is on air at once; one that flaps each 5 s."""
    backoff, now, pauses = RestartBackoff(), 100.0, []
    for _ in range(7):
        pauses.append(backoff.publish_pause_s(now))
        now += pauses[-1]
        assert backoff.start(now, "publish")
    assert pauses == [0, 0, 0, 0, 5, 5, 5]
    for _ in range(9):
        now += 20
        assert backoff.publish_pause_s(now) == 0
        assert backoff.start(now, "publish")
