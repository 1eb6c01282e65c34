import { describe, expect, it } from 'vitest';
import { Calm } from '../src/playback/latencyReset';
import { masterUrl, trimmedTo, withToken } from '../src/playback/engine';
import { paceFor } from '../src/playback/pace';
import { cureFor, shouldCatchUp, type Failure, type Position } from '../src/playback/recovery';
import { sceneOf, type Circumstances } from '../src/playerState';

const failure = (patch: Partial<Failure>): Failure => ({ network: false, media: false, codec: false, fatal: true, status: null, ...patch });

describe('a failure', () => {
  it('of rights asks for new rights at once, fatal or not', () => {
    for (const status of [401, 403]) expect(cureFor(failure({ network: true, fatal: false, status }), 0)).toBe('authorise');
  });

  it('that hls.js heals itself needs nothing', () => {
    expect(cureFor(failure({ network: true, fatal: false, status: 503 }), 0)).toBe('none');
    expect(cureFor(failure({ media: true, fatal: false }), Infinity)).toBe('none');
  });

  it('of the decoder starts the decoder anew, and soon after that the whole source', () => {
    expect(cureFor(failure({ media: true }), Infinity)).toBe('decode');
    expect(cureFor(failure({ media: true }), 5_000)).toBe('reload');
  });

  it('of the network takes the source up anew', () => {
    expect(cureFor(failure({ network: true, status: 404 }), Infinity)).toBe('reload');
    expect(cureFor(failure({}), Infinity)).toBe('reload');
  });
});

describe('what was played', () => {
  it('is kept for half a minute, and dropped in few big steps', () => {
    expect(trimmedTo(0, 60)).toBeNull();
    expect(trimmedTo(0, 60.1)).toBeCloseTo(30.1);
    expect(trimmedTo(30.1, 90)).toBeNull();
  });

  it('is left alone when the viewer went back', () => expect(trimmedTo(100, 20)).toBeNull());
});

describe('catching up', () => {
  const far: Position = { lag: 3, target: 20, current: 16, chosen: false, sinceSeek: Infinity };

  it('jumps when it is far behind and there is something to gain', () => {
    expect(shouldCatchUp(far)).toBe(true);
  });

  it('leaves viewers where they chose to be', () => {
    expect(shouldCatchUp({ ...far, chosen: true })).toBe(false);
  });

  it('leaves near distances to faster playing, and rests between jumps', () => {
    expect(shouldCatchUp({ ...far, lag: 1.5 })).toBe(false);
    expect(shouldCatchUp({ ...far, sinceSeek: 1_000 })).toBe(false);
  });

  it('does not jump at the end of a playlist that stands still', () => {
    expect(shouldCatchUp({ ...far, lag: 40, current: 19.8 })).toBe(false);
  });
});

describe('after stalls', () => {
  it('the low latency is dared again when it was calm for half a minute, then for twice as long', () => {
    const calm = new Calm(0);
    expect([10_000, 29_000, 30_000, 60_000, 89_000, 90_000].map((now) => calm.daresAgain(now))).toEqual([
      false, false, true, false, false, true,
    ]);
  });

  it('a stall begins the calm anew', () => {
    const calm = new Calm(0);
    calm.stalled(29_000);
    expect(calm.daresAgain(30_000)).toBe(false);
    expect(calm.daresAgain(59_000)).toBe(true);
  });
});

describe('an address of the stream', () => {
  it('carries the present token in place of an older one', () => {
    const old = new URL(masterUrl('old.token', 'ply_a'), 'https://host').href;
    expect(withToken(old, 'new.token')).toBe('https://host/hls/new.token/ply_a/master.m3u8');
    expect(withToken('https://host/hls/old/ply_a/v720.m3u8?_HLS_msn=3', 'new')).toBe('https://host/hls/new/ply_a/v720.m3u8?_HLS_msn=3');
  });
});

describe('the scene', () => {
  const calm: Circumstances = {
    refusal: null, failure: null, missing: false, unreachable: false, state: 'live', wasLive: true, hadShow: true, picture: true, moving: true,
  };
  const scene = (patch: Partial<Circumstances>) => sceneOf({ ...calm, ...patch });

  it('is the picture while there is one, also without a line to the server', () => {
    expect(scene({})).toBe('air');
    expect(scene({ unreachable: true })).toBe('air');
  });

  it('is no picture that stands still while nothing is heard of the server, whatever was known before', () => {
    expect(scene({ unreachable: true, moving: false })).toBe('unreachable');
    for (const state of ['live', 'interrupted', 'starting', 'idle'] as const) {
      expect(scene({ unreachable: true, moving: false, picture: false, state })).toBe('unreachable');
    }
    expect(scene({ moving: false })).toBe('air');
    expect(scene({ unreachable: true, moving: false, refusal: 'withdrawn' })).toBe('withdrawn');
  });

  it('tells a stream that never began from one that ended', () => {
    expect(scene({ state: 'idle', picture: false, wasLive: false, hadShow: false })).toBe('offline');
    expect(scene({ state: 'idle', picture: false, wasLive: false })).toBe('over');
    expect(scene({ state: 'idle', picture: false })).toBe('ended');
  });

  it('plays the last seconds out before it says that the stream has ended', () => {
    expect(scene({ state: 'idle' })).toBe('air');
  });

  it('says what is waited for', () => {
    expect(scene({ state: 'starting', picture: false })).toBe('starting');
    expect(scene({ state: 'interrupted' })).toBe('interrupted');
    expect(scene({ picture: false })).toBe('loading');
    expect(scene({ state: null, picture: false })).toBe('loading');
    expect(scene({ state: null, picture: false, moving: false, unreachable: true })).toBe('unreachable');
  });

  it('puts refusals before everything else', () => {
    expect(scene({ missing: true })).toBe('missing');
    expect(scene({ refusal: 'withdrawn' })).toBe('withdrawn');
    expect(scene({ failure: 'refused' })).toBe('withdrawn');
    expect(scene({ failure: 'unsupported' })).toBe('unsupported');
    expect(scene({ refusal: 'closed', state: 'idle' })).toBe('closed');
  });
});

describe('the pace', () => {
  it('is the usual one near the wanted latency', () => expect([-1, 0, 0.04].map((lag) => paceFor(lag, 1, 0.2))).toEqual([1, 1, 1]));
  it('is a little faster behind it, with a part and a half ahead', () => {
    expect([0.05, 0.3, 1, 1.9].map((lag) => paceFor(lag, 0.4, 0.2))).toEqual([1.05, 1.1, 1.35, 1.5]);
  });
  it('never eats what the next part needs', () => expect(paceFor(1, 0.29, 0.2)).toBe(1));
});
