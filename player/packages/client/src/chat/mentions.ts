import { piecesOf, type Piece } from '../links';

export interface Said extends Piece {
  /** `self`: this reader is named; `other`: somebody else. */
  mention: 'self' | 'other' | null;
}

const WORD = /[\p{L}\p{N}_]/u;
const ANYBODY = /(?<![\p{L}\p{N}_@])@[\p{L}\p{N}][\p{L}\p{N}_.-]*/gu;

/** The text in pieces: links, names after an @, and what is between them. */
export function saidOf(text: string, ownName: string | null): Said[] {
  return piecesOf(text).flatMap((piece) => (piece.href === null ? named(piece.text, ownName) : [{ ...piece, mention: null }]));
}

/** Whether this reader is named in it. Names may have blanks, so the whole name is looked for. */
export function mentions(text: string, name: string | null): boolean {
  return placesOf(text, name).length > 0;
}

function named(text: string, ownName: string | null): Said[] {
  const own = placesOf(text, ownName);
  const others = [...text.matchAll(ANYBODY)].map(({ index, 0: word }) => ({ from: index, to: index + word.length, mention: 'other' as const }));
  const free = others.filter(({ from }) => !own.some((one) => from >= one.from && from < one.to));
  const marks = [...own, ...free].sort((one, other) => one.from - other.from);
  const pieces: Said[] = [];
  let end = 0;
  for (const { from, to, mention } of marks) {
    if (from > end) pieces.push({ text: text.slice(end, from), href: null, mention: null });
    pieces.push({ text: text.slice(from, to), href: null, mention });
    end = to;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null, mention: null });
  return pieces;
}

function placesOf(text: string, name: string | null): { from: number; to: number; mention: 'self' }[] {
  if (name === null || name.trim() === '') return [];
  const wanted = `@${name.toLowerCase()}`;
  const low = text.toLowerCase();
  if (low.length !== text.length) return []; // a letter that is longer in lower case would shift the places
  const found: { from: number; to: number; mention: 'self' }[] = [];
  for (let at = low.indexOf(wanted); at !== -1; at = low.indexOf(wanted, at + wanted.length)) {
    const to = at + wanted.length;
    if (!WORD.test(text.charAt(at - 1)) && !WORD.test(text.charAt(to))) found.push({ from: at, to, mention: 'self' });
  }
  return found;
}
