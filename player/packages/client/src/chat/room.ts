import { bytesOf, LONGEST_TEXT_BYTES } from '../format';

const NEAR = 0.9;

/**
 * How many characters are too many; and, near the bound, for how many more there is room. The server counts bytes, people count
 * characters: what is still to come is taken to be written as the text so far.
 */
export function roomIn(text: string): { over: number; left: number | null } {
  const bytes = bytesOf(text);
  if (bytes <= LONGEST_TEXT_BYTES * NEAR) return { over: 0, left: null };
  const characters = [...new Intl.Segmenter().segment(text)].map(({ segment }) => bytesOf(segment));
  if (bytes <= LONGEST_TEXT_BYTES) return { over: 0, left: Math.floor(((LONGEST_TEXT_BYTES - bytes) * characters.length) / bytes) };
  let [over, excess] = [0, bytes - LONGEST_TEXT_BYTES];
  while (excess > 0) {
    over += 1;
    excess -= characters.at(-over) ?? excess;
  }
  return { over, left: null };
}
