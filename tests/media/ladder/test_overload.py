"""When a rung is dropped, and when it is restored."""

from random import Random

from media.ladder.overload import CALM_S, LONGEST_CALM_S, OverloadDetector, distance_s


class Line:
    """An FFmpeg under observation: each second it does `speed` seconds of the `sent` ones."""

    def __init__(self, strain: OverloadDetector) -> None:
        self.strain, self.now, self.sent, self.done, self.dropped = strain, 1000.0, 0.0, 0.0, 0
        strain.started(self.now)

    def run(
        self, seconds: float, speed: float = 1.0, sent: float = 1.0, load: float = 0.3
    ) -> list[tuple[float, str]]:
        told: list[tuple[float, str]] = []
        for _ in range(int(seconds)):
            self.now, self.sent, self.done = self.now + 1, self.sent + sent, self.done + sent * speed
            verdict = self.strain.judge(self.now, self.sent - self.done, load, self.dropped, 3)
            if verdict is not None:
                told.append((self.now, verdict))
                self.dropped += 1 if verdict == "drop" else -1
                self.strain.started(self.now)
        return told


def test_one_that_keeps_up_keeps_its_ladder() -> None:
    """Full speed, a short hiccup, and distances reported in coarse steps change nothing."""
    line = Line(OverloadDetector())
    assert line.run(60) == []
    assert line.run(3, speed=0.8) + line.run(60) == []
    strain = OverloadDetector()
    strain.started(0)
    for second in range(120):
        behind_s = second + 0.6 * (second % 2) - (second // 2 * 2 * 0.25 + second * 0.75)
        assert strain.judge(second, behind_s, 0.3, 0, 3) is None


def test_old_answers_are_no_strain() -> None:
    """The ingest's answer may be as old as a second, FFmpeg's word half of one, and each look finds other
    ages: of an FFmpeg that keeps up nothing is even noted, so no other stream is refused for it."""
    strain, ages = OverloadDetector(), Random(1)
    strain.started(0)
    for second in range(2, 600, 2):
        sent_at, done_at = second - ages.random() * 0.9, second - ages.random() * 0.5
        told = strain.judge(second, distance_s(40 + sent_at, sent_at, done_at - 0.4, done_at), 0.3, 0, 3)
        assert (told, strain.is_strained) == (None, False)


def test_a_slow_encoder_is_not_our_strain() -> None:
    """What does not come in cannot be done."""
    line = Line(OverloadDetector())
    assert line.run(120, sent=0.5) == []
    assert line.run(60, sent=0.0) == []


def test_lagging_drops_one_rung_at_a_time_and_never_the_last() -> None:
    """Each drop is given time to help; the lowest rung stays."""
    line = Line(OverloadDetector())
    told = line.run(120, speed=0.8)
    assert [verdict for _, verdict in told] == ["drop", "drop"]
    assert told[0][0] - 1000 <= 12
    assert told[1][0] - told[0][0] >= 10


def test_a_rung_comes_back_when_it_is_calm_and_later_after_a_relapse() -> None:
    """After a minute at rest on an idle machine; after a relapse this time doubles, to prevent
    oscillation."""
    line = Line(OverloadDetector())
    line.run(12, speed=0.8)
    assert line.dropped == 1
    assert line.run(CALM_S * 3, load=0.9) == []
    assert [verdict for _, verdict in line.run(30)] == ["raise"]
    gone = line.run(4, speed=0.7)
    assert [verdict for _, verdict in gone] == ["drop"]
    (back,) = line.run(CALM_S * 3)
    assert 2 * CALM_S < back[0] - gone[0][0] < 2 * CALM_S + 20
    for _ in range(12):
        line.run(4, speed=0.7)
        line.run(LONGEST_CALM_S + 30)
    assert line.strain._calm_s == LONGEST_CALM_S
