export interface Piece {
  text: string;
  /** An http(s) address, or null for plain text. */
  href: string | null;
}

const ADDRESS = /https?:\/\/[^\s<>"]+/gi;
const TRAILING = /[.,;:!?'"\])}]+$/;

/** The text in pieces whose joined texts are the text again. Only http and https become links. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const shown = found[0].replace(TRAILING, '');
    if (!URL.canParse(shown)) continue;
    if (found.index > end) pieces.push({ text: text.slice(end, found.index), href: null });
    pieces.push({ text: shown, href: new URL(shown).href });
    end = found.index + shown.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null });
  return pieces;
}
