export interface Piece {
  text: string;
  /** An http(s) address, or null for plain text. */
  href: string | null;
}

/** Addresses with their scheme, and bare ones that begin with www. */
const ADDRESS = /(?:https?:\/\/|(?<![\w@./-])www\.)[^\s<>"]+/gi;
const TRAILING = /[.,;:!?'"\])}]+$/;

/** The text in pieces whose joined texts are the text again. Only http and https become links. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const shown = found[0].replace(TRAILING, '');
    const address = /^www\./i.test(shown) ? `https://${shown}` : shown;
    if (!URL.canParse(address) || (address !== shown && !/^www\.[^/]+\.[^/]/i.test(shown))) continue;
    if (found.index > end) pieces.push({ text: text.slice(end, found.index), href: null });
    pieces.push({ text: shown, href: new URL(address).href });
    end = found.index + shown.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null });
  return pieces;
}

/** Where a link leads, without the rest of its address. */
export function hostOf(href: string): string {
  return new URL(href).host;
}
