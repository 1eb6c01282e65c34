"""A viewer who stays: what happens over a longer time must not be visible in the picture."""

from playwright.sync_api import Browser

from bench.barcode import READER_JS
from tests.e2e.browsing import VIDEO, Viewer
from tests.e2e.conftest import Show
from tests.support.servers import wait_until

TOKEN_S, STAY_S = 30, 80
NEAR_S, WITHIN_S = 1.6, 10
BEGINS_JS = "name => document.querySelector(name).buffered.start(0)"


def test_a_viewer_stays_without_a_stall(make_stack, browser: Browser) -> None:
    """Who comes six seconds after the start is near the live edge in ten. Then tokens of half a minute are
    renewed again and again, old picture leaves the buffer, and nothing of it stops the picture."""
    show: Show = make_stack(PLAYBACK_TOKEN_TTL_S=TOKEN_S)
    publisher = show.publish()
    show.wait_state("live")
    wait_until(lambda: show.text(show.renditions()[0]).count("#EXTINF") >= 3, "six seconds of it", 30, 0.2)
    viewer = Viewer(browser, "about:blank")
    renewals: list[int] = []
    viewer.page.on(
        "response", lambda one: renewals.append(one.status) if one.url.endswith("/renew") else None
    )
    viewer.page.goto(show.card["watch"])
    viewer.page.wait_for_selector(VIDEO)
    viewer.page.evaluate(READER_JS, VIDEO)
    wait_until(lambda: 0 < newest(viewer) < NEAR_S, "the goal", WITHIN_S)
    for _ in range(2):  # a machine that is busy with something else may take one stay, not two
        viewer.page.evaluate("() => { window.__waits.length = 0 }")
        begins, renewed = viewer.page.evaluate(BEGINS_JS, VIDEO), len(renewals)
        viewer.page.wait_for_timeout(STAY_S * 1000)
        stalls = viewer.page.evaluate("window.__waits.length")
        assert viewer.page.evaluate(BEGINS_JS, VIDEO) > begins + 20
        assert renewals[renewed:] == [200] * len(renewals[renewed:])
        assert len(renewals) - renewed >= STAY_S // TOKEN_S
        if stalls == 0:
            break
    assert stalls == 0
    assert newest(viewer) < NEAR_S
    assert viewer.errors == []
    viewer.close()
    publisher.stop()


def newest(viewer: Viewer) -> float:
    """Seconds from camera to screen of the latest frames, in the middle; 0 before the first."""
    viewer.page.wait_for_timeout(200)
    late = sorted(shown - made for shown, made in viewer.page.evaluate("window.__frames.slice(-30)"))
    return late[len(late) // 2] / 1000 if late else 0.0
