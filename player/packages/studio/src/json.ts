import { t } from '@lingui/core/macro';
/** JSON with line breaks; a text that is no JSON as it is. */
export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

type Parsed = { ok: true; value: unknown } | { ok: false; error: string };

/** The value of a text, or a sentence that says on which line it stops being JSON. */
export function parseJson(text: string): Parsed {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (error) {
    const said = error instanceof Error ? error.message : '';
    return { ok: false, error: mistakeAt(said, text) };
  }
}

function mistakeAt(said: string, text: string): string {
  const position = /position (\d+)/.exec(said)?.[1];
  if (position === undefined) return text.trim() === '' ? t`This is not JSON: it is empty.` : t`This is not JSON: it ends too early.`;
  const before = text.slice(0, Number(position));
  return t`This is not JSON: look at line ${before.split('\n').length}, column ${Number(position) - before.lastIndexOf('\n')}.`;
}
