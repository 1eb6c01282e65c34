import { describe, expect, it } from 'vitest';
import { Background } from '../src/playback/background';
import { momentIn, nextSpeed, secondsOf, spanOf } from '../src/playback/place';
import { rungFor, rungOf } from '../src/playback/quality';
import { cureFor } from '../src/playback/recovery';
import { StartPlace } from '../src/playback/startPlace';
import { Wake } from '../src/playback/wake';

const seekable = (from: number, to: number) => ({ length: 1, start: () => from, end: () => to });

describe('a moment in an address', () => {
  it('is written and read in hours, minutes and seconds', () => {
    expect([0, 59, 60, 3723.9, 3600].map(momentIn)).toEqual(['0s', '59s', '1m', '1h2m3s', '1h']);
    expect(['1h2m3s', '90', '90s', '2m', '1h'].map(secondsOf)).toEqual([3723, 90, 90, 120, 3600]);
  });

  it('is nothing else', () => {
    for (const text of [null, '', '-1', 'x', '1h1h', '1s2m', '1e9', '99999999999', '1.5', ' 1']) expect(secondsOf(text)).toBeNull();
  });
});

describe('where a link begins', () => {
  it('is within a recording, once', () => {
    const place = new StartPlace();
    place.set(500);
    expect(place.inRecording(60)).toBe(59);
    expect(place.inRecording(60)).toBeNull();
  });

  it('is found in a broadcast by the clock of its picture, as soon as that is known', () => {
    const place = new StartPlace();
    place.set(30);
    expect(place.inBroadcast(100, null, 1_000_000)).toBeNull();
    expect(place.inBroadcast(100, 1_090_000, 1_000_000)).toBe(40); // 90 s into it is shown at 100 s of the video's clock
  });
});

describe('the way through a stream', () => {
  it('is there for recordings and for a live past of a minute or more', () => {
    expect(spanOf({ seekable: seekable(0, 10), currentTime: 4 }, false, null)).toEqual({ at: 4, from: 0, to: 10 });
    expect(spanOf({ seekable: seekable(0, 70), currentTime: 30 }, true, 68)).toEqual({ at: 30, from: 0, to: 68 });
    expect(spanOf({ seekable: seekable(0, 70), currentTime: 67 }, true, 68)).toEqual({ at: 68, from: 0, to: 68 });
    expect(spanOf({ seekable: seekable(40, 70), currentTime: 68 }, true, 68).at).toBeNull();
  });
});

describe('speeds', () => {
  it('go up and down in steps and end at the ends', () => {
    expect([nextSpeed(1, 1), nextSpeed(1, -1), nextSpeed(2, 1), nextSpeed(0.5, -1)]).toEqual([1.25, 0.75, 2, 0.5]);
  });
});

describe('a kept quality', () => {
  const rungs = [1080, 720, 360].map((height, index) => ({ index, height, frames: 30, rate: 1 }));

  it('of another ladder is the next lower one, else the lowest', () => {
    expect([1080, 800, 240].map((height) => rungFor(rungs, height)?.height)).toEqual([1080, 720, 360]);
    expect(rungFor([], 720)).toBeNull();
  });

  it('gives way to less data, and automatic stays the engine’s choice', () => {
    expect(rungOf({ chosen: 1080, saving: true }, rungs)?.height).toBe(360);
    expect(rungOf({ chosen: null, saving: false }, rungs)).toBeNull();
  });
});

describe('a machine that slept', () => {
  it('is noticed by the gap, once, and a page in the background is none', () => {
    const wake = new Wake(0);
    expect([500, 61_000, 300_000, 300_500].map((now) => wake.slept(now))).toEqual([false, false, true, false]);
  });
});

describe('a pause in the background', () => {
  it('is the browser’s, and over when the page is looked at', () => {
    const background = new Background();
    expect(background.paused(true, false)).toBe(false);
    expect([background.returned(), background.returned()]).toEqual([true, false]);
  });

  it('that the viewer made stays', () => {
    const background = new Background();
    background.hold();
    expect(background.paused(true, false)).toBe(true);
    expect(background.returned()).toBe(false);
  });

  it('of a page that is looked at is the viewer’s place', () => expect(new Background().paused(false, false)).toBe(true));
});

describe('a codec that this browser has not', () => {
  it('ends the tries, while it is fatal', () => {
    const failure = { network: false, media: true, codec: true, fatal: true, status: null };
    expect(cureFor(failure, Infinity)).toBe('give up');
    expect(cureFor({ ...failure, fatal: false }, Infinity)).toBe('none');
  });
});
