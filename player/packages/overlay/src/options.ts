export const KINDS = ['chat', 'viewers', 'alerts', 'reactions'] as const;
export type Kind = (typeof KINDS)[number];

const FONTS = {
  system: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans Arabic", sans-serif',
  serif: 'Georgia, "Times New Roman", "Noto Serif", serif',
  mono: 'ui-monospace, "Cascadia Mono", Menlo, monospace',
  rounded: 'ui-rounded, "Arial Rounded MT Bold", "Varela Round", system-ui, sans-serif',
  condensed: '"Arial Narrow", "Roboto Condensed", "Noto Sans Display", sans-serif',
} as const;

/** How an overlay looks. `seconds` is for how long a message is shown, 0 for as long as there is room. */
export interface Options {
  size: number;
  color: string;
  seconds: number;
  side: 'start' | 'end';
  font: string;
  badges: boolean;
}

/** From the page's address. What can't be used is taken as if it were not there: an overlay on air shows no errors. */
export function optionsFrom(search: string): Options {
  const asked = new URLSearchParams(search);
  const font = asked.get('font') ?? 'system';
  const color = asked.get('color') ?? '';
  return {
    size: within(asked.get('size'), 12, 120, 28),
    seconds: within(asked.get('seconds'), 0, 3_600, 0),
    color: /^#?(?:[0-9a-f]{3}|[0-9a-f]{6})$/i.test(color) ? `#${color.replace('#', '')}` : '#ffffff',
    side: asked.get('side') === 'end' || asked.get('side') === 'right' ? 'end' : 'start',
    font: Object.hasOwn(FONTS, font) ? FONTS[font as keyof typeof FONTS] : FONTS.system,
    badges: asked.get('badges') !== '0',
  };
}

/** `/overlay/chat` → chat. */
export function kindOf(path: string): Kind {
  return KINDS.find((kind) => kind === path.split('/')[2]) ?? 'chat';
}

/** The secret key, after the `#`, where no server and no log sees it: `#key=…` or `#…`. */
export function keyOf(hash: string): string {
  const after = decodeURIComponent(hash.slice(1));
  return after.startsWith('key=') ? after.slice(4) : after;
}

function within(text: string | null, least: number, most: number, usual: number): number {
  const number = text === null || text.trim() === '' ? NaN : Number(text);
  return Number.isFinite(number) ? Math.min(Math.max(number, least), most) : usual;
}
