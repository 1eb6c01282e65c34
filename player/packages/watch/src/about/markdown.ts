/** What a description may have. Everything else, HTML above all, is text. */
export type Inline =
  | { kind: 'text' | 'code'; text: string }
  | { kind: 'strong' | 'em'; inside: readonly Inline[] }
  | { kind: 'link'; href: string; inside: readonly Inline[] }
  | { kind: 'break' };

export type Block =
  | { kind: 'paragraph'; inside: readonly Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'list'; ordered: boolean; items: readonly (readonly Inline[])[] };

const DEEPEST = 6;
const FENCE = /^\s*```/;
const ITEM = /^\s{0,3}(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;

/** Paragraphs, lists, code, bold, italics, links and line breaks. */
export function blocksOf(source: string): Block[] {
  const lines = source.replace(/\r\n?/g, '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    if (line.trim() === '') at += 1;
    else if (FENCE.test(line)) at = takeCode(lines, at + 1, blocks);
    else if (ITEM.test(line)) at = takeList(lines, at, blocks);
    else at = takeParagraph(lines, at, blocks);
  }
  return blocks;
}

function takeCode(lines: readonly string[], from: number, blocks: Block[]): number {
  let end = from;
  while (end < lines.length && !FENCE.test(lines[end] ?? '')) end += 1;
  blocks.push({ kind: 'code', text: lines.slice(from, end).join('\n') });
  return end + 1;
}

function takeList(lines: readonly string[], from: number, blocks: Block[]): number {
  const ordered = ITEM.exec(lines[from] ?? '')?.[1] !== undefined;
  const items: Inline[][] = [];
  let at = from;
  for (; at < lines.length; at += 1) {
    const found = ITEM.exec(lines[at] ?? '');
    if (found === null || (found[1] !== undefined) !== ordered) break;
    items.push(inlinesOf(found[2] ?? ''));
  }
  blocks.push({ kind: 'list', ordered, items });
  return at;
}

function takeParagraph(lines: readonly string[], from: number, blocks: Block[]): number {
  let end = from + 1;
  while (end < lines.length && (lines[end] ?? '').trim() !== '' && !FENCE.test(lines[end] ?? '') && !ITEM.test(lines[end] ?? '')) end += 1;
  blocks.push({ kind: 'paragraph', inside: inlinesOf(lines.slice(from, end).map((line) => line.trim()).join('\n')) });
  return end;
}

/** Something found at a place: what it is, and where the text goes on. */
type Found = readonly [Inline, number] | null;

const MARKS: Readonly<Record<string, (text: string, at: number, depth: number) => Found>> = {
  '\n': (_text, at) => [{ kind: 'break' }, at + 1],
  '\\': (text, at) => (/[!-/:-@[-`{-~]/.test(text[at + 1] ?? '') ? [{ kind: 'text', text: text[at + 1] ?? '' }, at + 2] : null),
  '`': codeAt, '*': emphasisAt, '_': emphasisAt, '[': linkAt, h: addressAt, H: addressAt,
};

/** The pieces of a text, in order. */
export function inlinesOf(text: string, depth = 0): Inline[] {
  const pieces: Inline[] = [];
  let [plain, at] = ['', 0];
  const flush = () => {
    if (plain !== '') pieces.push({ kind: 'text', text: plain });
    plain = '';
  };
  while (at < text.length) {
    const found = depth < DEEPEST ? (MARKS[text[at] ?? '']?.(text, at, depth) ?? null) : null;
    if (found === null) plain += text[at++] ?? '';
    else if (found[0].kind === 'text') [plain, at] = [plain + found[0].text, found[1]];
    else {
      flush();
      pieces.push(found[0]);
      at = found[1];
    }
  }
  flush();
  return pieces;
}

function codeAt(text: string, at: number): Found {
  const end = text.indexOf('`', at + 1);
  return end <= at + 1 ? null : [{ kind: 'code', text: text.slice(at + 1, end) }, end + 1];
}

/** `**bold**`, `*italics*`, `_italics_`; a mark within a word, as in snake_case, is none. */
function emphasisAt(text: string, at: number, depth: number): Found {
  const sign = text.charAt(at);
  const mark = text.charAt(at + 1) === sign ? sign + sign : sign;
  const begin = at + mark.length;
  const opens = isWord(text.charAt(begin)) && !(sign === '_' && /\w/.test(text.charAt(at - 1)));
  const end = opens ? endOf(text, mark, begin) : -1;
  if (end < 0) return null;
  return [{ kind: mark.length === 2 ? 'strong' : 'em', inside: inlinesOf(text.slice(begin, end), depth + 1) }, end + mark.length];
}

/** Where a mark closes what began; -1 where it doesn't. */
function endOf(text: string, mark: string, begin: number): number {
  for (let end = text.indexOf(mark, begin + 1); end > 0; end = text.indexOf(mark, end + 1)) {
    const inWord = mark.startsWith('_') && /\w/.test(text.charAt(end + mark.length));
    if (isWord(text.charAt(end - 1)) && !inWord) return end;
  }
  return -1;
}

function isWord(character: string): boolean {
  return /\S/.test(character);
}

const LINK = /\[([^[\]\n]{1,300})\]\(\s*<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,200}\))?[^\s()<>]{0,200})>?\s*\)/y;
const ADDRESS = /https?:\/\/[^\s<>"]{1,2000}/iy;
const TRAILING = /[.,;:!?'"\])}*_]+$/;

function linkAt(text: string, at: number, depth: number): Found {
  LINK.lastIndex = at;
  const found = LINK.exec(text);
  const href = webAddress(found?.[2] ?? '');
  if (found === null || href === null) return null;
  return [{ kind: 'link', href, inside: inlinesOf(found[1] ?? '', Math.max(depth + 1, DEEPEST - 1)).map(unlinked) }, LINK.lastIndex];
}

function unlinked(piece: Inline): Inline {
  return piece.kind === 'link' ? { kind: 'text', text: piece.href } : piece;
}

function addressAt(text: string, at: number): Found {
  ADDRESS.lastIndex = at;
  const shown = ADDRESS.exec(text)?.[0].replace(TRAILING, '') ?? '';
  const href = webAddress(shown);
  return href === null ? null : [{ kind: 'link', href, inside: [{ kind: 'text', text: shown }] }, at + shown.length];
}

/** As a link may have it: http or https and nothing else; null for every other text. */
export function webAddress(text: string): string | null {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return null;
  const { protocol, href } = new URL(text);
  return protocol === 'http:' || protocol === 'https:' ? href : null;
}
