import { keep, recall } from '../browserStorage';
import { Store } from '../observable';
import type { AlignMode } from './alignment';

const MOST_IGNORED = 200;

/** How this reader wants the chat; kept in this browser. */
export interface ChatSettings {
  size: 'small' | 'medium' | 'large' | 'huge';
  times: boolean;
  badges: boolean;
  avatars: boolean;
  motion: boolean;
  align: AlignMode;
  /** Mentions are counted in the page's title while it is not looked at. */
  titleCount: boolean;
  /** People whose messages are not shown here: id → name. */
  ignored: Readonly<Record<string, string>>;
}

export const DEFAULTS: ChatSettings = {
  size: 'medium', times: false, badges: true, avatars: true, motion: true, align: 'auto', titleCount: true, ignored: {},
};

export const SIZES = ['small', 'medium', 'large', 'huge'] as const;
export const ALIGN_MODES = ['auto', 'on', 'off'] as const;

/** What was stored, field by field: another version of the page, or a hand, may have written anything. */
export function settingsFrom(stored: string | null): ChatSettings {
  const found = parsed(stored);
  const flag = (name: 'times' | 'badges' | 'avatars' | 'motion' | 'titleCount') => (typeof found[name] === 'boolean' ? found[name] : DEFAULTS[name]);
  return {
    size: SIZES.find((one) => one === found['size']) ?? DEFAULTS.size,
    align: ALIGN_MODES.find((one) => one === found['align']) ?? DEFAULTS.align,
    times: flag('times'), badges: flag('badges'), avatars: flag('avatars'), motion: flag('motion'), titleCount: flag('titleCount'),
    ignored: peopleOf(found['ignored']),
  };
}

export class Settings {
  readonly view: Store<ChatSettings>;

  constructor() {
    this.view = new Store(settingsFrom(recall('chat')));
  }

  change(patch: Partial<ChatSettings>): void {
    this.view.update(patch);
    keep('chat', JSON.stringify(this.view.get()));
  }

  ignore(id: string, name: string): void {
    const people: [string, string][] = [...Object.entries(this.view.get().ignored), [id, name]];
    this.change({ ignored: Object.fromEntries(people.slice(-MOST_IGNORED)) });
  }

  heed(id: string): void {
    this.change({ ignored: Object.fromEntries(Object.entries(this.view.get().ignored).filter(([one]) => one !== id)) });
  }
}

function parsed(stored: string | null): Record<string, unknown> {
  try {
    const found = JSON.parse(stored ?? '{}') as unknown;
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function peopleOf(found: unknown): Record<string, string> {
  if (typeof found !== 'object' || found === null) return {};
  const people = Object.entries(found as Record<string, unknown>).filter((one): one is [string, string] => typeof one[1] === 'string');
  return Object.fromEntries(people.slice(-MOST_IGNORED));
}
