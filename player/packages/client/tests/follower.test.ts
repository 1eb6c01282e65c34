import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Follower } from '../src/streamStatus';

const LIVE = { id: 'str_a', playback_id: 'ply_a', title: 'Show', state: 'live', live_since: null, viewers: 3 };

describe('a stream that is followed', () => {
  const changes = new EventTarget();
  let answer: () => Promise<Response>;
  const told = () => Promise.resolve(Response.json(LIVE));
  const gone = () => Promise.reject(new TypeError('nobody answers'));

  beforeEach(() => {
    vi.useFakeTimers();
    const { addEventListener, removeEventListener } = {
      addEventListener: changes.addEventListener.bind(changes), removeEventListener: changes.removeEventListener.bind(changes),
    };
    vi.stubGlobal('window', { setTimeout, addEventListener, removeEventListener });
    vi.stubGlobal('fetch', () => answer());
    answer = told;
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function followed(): Promise<Follower> {
    const follower = new Follower('ply_a', () => '');
    follower.start();
    await vi.advanceTimersByTimeAsync(10);
    return follower;
  }

  it('is lost when two questions in a row have no answer, within seconds, and found by the next answer', async () => {
    const follower = await followed();
    answer = gone;
    await vi.advanceTimersByTimeAsync(5_100);
    expect(follower.view.get().unreachable).toBe(false);
    await vi.advanceTimersByTimeAsync(1_500);
    expect(follower.view.get().unreachable).toBe(true);
    answer = told;
    await vi.advanceTimersByTimeAsync(1_500);
    expect(follower.view.get().unreachable).toBe(false);
    follower.stop();
  });

  it('is asked for at once when the network goes or comes', async () => {
    const follower = await followed();
    answer = gone;
    changes.dispatchEvent(new Event('offline'));
    await vi.advanceTimersByTimeAsync(1_600);
    expect(follower.view.get().unreachable).toBe(true);
    answer = told;
    changes.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(10);
    expect(follower.view.get().unreachable).toBe(false);
    follower.stop();
  });

  it('is unreachable at once when nothing was ever heard of it', async () => {
    answer = gone;
    const follower = await followed();
    expect(follower.view.get().unreachable).toBe(true);
    follower.stop();
  });
});
