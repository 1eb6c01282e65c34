import { t } from '@lingui/core/macro';
import type { Named } from './wire';

/** Who is writing, until when by the page's own clock, in ms. */
export interface Typist extends Named {
  until: number;
}

export function started(typists: readonly Typist[], user: Named, until: number): readonly Typist[] {
  return [...stopped(typists, user.id), { id: user.id, name: user.name, until }];
}

export function stopped(typists: readonly Typist[], id: string): readonly Typist[] {
  return typists.some((one) => one.id === id) ? typists.filter((one) => one.id !== id) : typists;
}

/** Without those whose time has expired, so that a lost "stopped" does not leave a user typing for ever. */
export function still(typists: readonly Typist[], now: number): readonly Typist[] {
  return typists.some(({ until }) => until <= now) ? typists.filter(({ until }) => until > now) : typists;
}

export function typingWords(typists: readonly Named[]): string {
  const [one, two] = typists.map(({ name }) => name);
  if (one === undefined) return '';
  if (two === undefined) return t`${one} is typing …`;
  return typists.length === 2 ? t`${one} and ${two} are typing …` : t`${one}, ${two} and others are typing …`;
}
