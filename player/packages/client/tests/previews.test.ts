import { describe, expect, it } from 'vitest';
import { parsePreviews, previewAt } from '../src/previews';
import { clockText } from '../src/format';

const TEXT = `WEBVTT

00:00:00.000 --> 00:00:05.000
sprite_0.jpg#xywh=0,0,160,90

00:00:05.000 --> 00:00:07.500
sprite_0.jpg#xywh=160,0,160,90

01:00:00.000 --> 01:00:10.000
sprite_3.jpg#xywh=320,90,160,90
`;

describe('seek previews', () => {
  it('are found by their second, and nowhere beyond', () => {
    const previews = parsePreviews(TEXT);
    expect(previews).toHaveLength(3);
    expect(previewAt(previews, 0)?.x).toBe(0);
    expect(previewAt(previews, 4.99)?.x).toBe(0);
    expect(previewAt(previews, 5)?.x).toBe(160);
    expect(previewAt(previews, 3605)).toMatchObject({ sheet: 'sprite_3.jpg', x: 320, y: 90 });
    expect(previewAt(previews, 7.5)).toBeNull();
    expect(previewAt([], 1)).toBeNull();
  });

  it('of something else are none', () => {
    expect(parsePreviews('WEBVTT\n\n00:00.000 --> 00:05.000\nHello')).toEqual([]);
  });
});

describe('a clock', () => {
  it('shows hours where there are any', () => {
    expect([0, 65, 3723.9].map(clockText)).toEqual(['0:00', '1:05', '1:02:03']);
  });
});
