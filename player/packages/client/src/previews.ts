/** A small picture of the seconds from `start` to `end`: a rectangle of a sheet. */
export interface Preview {
  start: number;
  end: number;
  sheet: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const CUE = /(\d+):(\d{2}):(\d{2}\.\d{3}) --> (\d+):(\d{2}):(\d{2}\.\d{3})\s+(\S+?)#xywh=(\d+),(\d+),(\d+),(\d+)/g;

/** The cues of a WebVTT file whose texts name rectangles of pictures. */
export function parsePreviews(text: string): Preview[] {
  return [...text.matchAll(CUE)].map(([, h1, m1, s1, h2, m2, s2, sheet = '', x, y, width, height]) => ({
    start: seconds(h1, m1, s1), end: seconds(h2, m2, s2), sheet, x: Number(x), y: Number(y), width: Number(width), height: Number(height),
  }));
}

function seconds(hours?: string, minutes?: string, rest?: string): number {
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}

/** The picture of a moment, by bisection; null beyond the last one. */
export function previewAt(previews: readonly Preview[], moment: number): Preview | null {
  let [low, high] = [0, previews.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const one = previews[middle];
    if (one === undefined) return null;
    if (moment < one.start) high = middle - 1;
    else if (moment >= one.end) low = middle + 1;
    else return one;
  }
  return null;
}
