import { rankOf, userWord } from './rights';
import type { CommandForm, Present } from './wire';

const MOST_OPTIONS = 50;
const LONGEST_QUERY = 80;

/** `text` is what the draft becomes, `whole` whether it can be sent as it is; `user` is set where the option is a person. */
export interface Option {
  key: string;
  label: string;
  detail: string;
  text: string;
  caret: number;
  whole: boolean;
  user: Present | null;
}

export interface Completion {
  kind: 'commands' | 'people';
  options: Option[];
}

export interface Known {
  commands: readonly CommandForm[];
  /** The likeliest first. */
  people: readonly Present[];
}

interface Slot {
  query: string;
  before: string;
  after: string;
}

interface Self {
  id: string | null;
  role: string | null;
}

/** What can be completed at the caret: a command after a slash, a person after a command that names one or after an @. */
export function completionFor(draft: string, caret: number, known: Known, self: Self): Completion | null {
  const before = draft.slice(0, caret);
  const after = draft.slice(caret);
  return before.startsWith('/') ? inCommand(before, after, known, self) : inMessage(before, after, known, self);
}

function inCommand(before: string, after: string, known: Known, self: Self): Completion | null {
  const words = /^\/(\S*)$/.exec(before);
  if (words !== null) return commandsLike(words[1] ?? '', after, known.commands, '/');
  const help = /^\/help\s+\/?(\S*)$/i.exec(before);
  if (help !== null) return commandsLike(help[1] ?? '', after, known.commands, '/help ');
  const about = /^\/(\S+)\s+@?"?([^"]*)$/.exec(before);
  const form = known.commands.find(({ name }) => name === about?.[1]?.toLowerCase());
  if (about === null || form === undefined || !/^\/\S+ \[?USER/.test(form.usage)) return null;
  const below = form.name === 'user' ? known.people : known.people.filter(({ id, role }) => id !== self.id && rankOf(role) < rankOf(self.role ?? 'guest'));
  const whole = !/USER (?!\[)/.test(form.usage);
  return peopleLike({ query: about[2] ?? '', before: `/${form.name} `, after }, below, known.people, whole, true);
}

function inMessage(before: string, after: string, known: Known, self: Self): Completion | null {
  const mention = /(?:^|\s)@([^\s@][^@\n]*)?$/.exec(before);
  if (mention === null) return null;
  const query = mention[1] ?? '';
  const others = known.people.filter(({ id }) => id !== self.id);
  return peopleLike({ query, before: before.slice(0, before.length - query.length - 1), after }, others, known.people, true, false);
}

function commandsLike(query: string, after: string, forms: readonly CommandForm[], before: string): Completion | null {
  const wanted = query.toLowerCase();
  const fits = [...forms.filter(({ name }) => name.startsWith(wanted)), ...forms.filter(({ name }) => wanted !== '' && name.indexOf(wanted) > 0)];
  if (fits.length === 0) return null;
  return {
    kind: 'commands',
    options: fits.map(({ name, usage, about }) => {
      const takes = usage.slice(name.length + 2);
      const word = takes === '' || before !== '/' ? name : `${name} `;
      const text = before + word + after.trimStart();
      const whole = before !== '/' || takes === '' || takes.startsWith('[');
      return { key: name, label: usage, detail: about, text, caret: before.length + word.length, whole, user: null };
    }),
  };
}

function peopleLike({ query, before, after }: Slot, people: readonly Present[], all: readonly Present[], whole: boolean, command: boolean): Completion | null {
  if (query.length > LONGEST_QUERY) return null;
  const wanted = folded(query);
  const fits = [
    ...people.filter(({ name }) => folded(name).startsWith(wanted)),
    ...people.filter(({ name }) => !folded(name).startsWith(wanted) && folded(name).split(' ').some((word) => word.startsWith(wanted))),
  ].slice(0, MOST_OPTIONS);
  if (fits.length === 0) return null;
  return {
    kind: 'people',
    options: fits.map((user) => {
      const word = `${command ? wordFor(user, all) : `@${user.name}`} `;
      const text = before + word + after.trimStart();
      return { key: user.id, label: user.name, detail: sharedBy(user, all) ? user.id : '', text, caret: before.length + word.length, whole, user };
    }),
  };
}

/** By name where that is enough; by id where two have it, or where it would be read otherwise. */
function wordFor(user: Present, all: readonly Present[]): string {
  if (sharedBy(user, all) || user.name.includes('"') || /^(@|id:)/.test(user.name)) return userWord(user.id);
  return user.name.includes(' ') ? `@"${user.name}"` : `@${user.name}`;
}

function sharedBy(user: Present, all: readonly Present[]): boolean {
  return all.some(({ id, name }) => id !== user.id && (folded(name) === folded(user.name) || folded(id) === folded(user.name)));
}

function folded(name: string): string {
  return name.normalize('NFC').toLowerCase().replace(/\s+/g, ' ').trimStart();
}
