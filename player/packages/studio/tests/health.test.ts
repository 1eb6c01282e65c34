import { describe, expect, it } from 'vitest';
import { rateText } from '@weir/client/format.ts';
import { troubleWith } from '../src/streams/Health';

const WELL = { publishing: true, bitrate: 2_500_000, height: 720, frame_rate: 30, keyframe_s: 2, dropped_frames: 0, speed: 1, behind_s: 0.4, left_out: [], trouble: null, history: [] };

describe('the health of a stream', () => {
  it('is no trouble while the encoder does as it should', () => {
    expect(troubleWith(WELL)).toEqual([]);
    expect(troubleWith({ ...WELL, keyframe_s: null, speed: null, dropped_frames: null })).toEqual([]);
  });

  it('says in words what is wrong and what helps', () => {
    expect(troubleWith({ ...WELL, keyframe_s: 8.3 })[0]).toContain('keyframe interval to 2 s');
    expect(troubleWith({ ...WELL, left_out: [1080, 720], speed: 0.5 })).toEqual(['This server is too busy for 1080p and 720p now; viewers get lower quality.']);
    expect(troubleWith({ ...WELL, speed: 0.8, behind_s: 3 })).toHaveLength(1);
    expect(troubleWith({ ...WELL, speed: 0.8 })).toEqual([]);
    expect(troubleWith({ ...WELL, trouble: 'This machine carries no further stream now.' })).toEqual(['This machine carries no further stream now.']);
  });

  it('has rates in the units of encoders', () => {
    expect([rateText(0), rateText(640_400), rateText(2_540_000)]).toEqual(['0 kb/s', '640 kb/s', '2.5 Mb/s']);
  });
});
