import { describe, expect, it } from 'vitest';
import { completionFor, type Completion } from '../src/chat/completion';
import { draft } from '../src/chat/messages';
import { knownFrom } from '../src/chat/prompts';
import type { CommandForm, Present } from '../src/chat/wire';

const COMMANDS: CommandForm[] = [
  { name: 'ban', usage: '/ban USER [reason]', about: 'bans a user' },
  { name: 'unban', usage: '/unban USER', about: 'ends a ban' },
  { name: 'warn', usage: '/warn USER reason', about: 'warns a user' },
  { name: 'slow', usage: '/slow [30s]', about: 'sets the time' },
  { name: 'slowoff', usage: '/slowoff', about: 'ends slow mode' },
  { name: 'user', usage: '/user USER', about: 'shows a user’s role' },
  { name: 'help', usage: '/help [command]', about: 'lists the commands' },
];
const person = (id: string, name: string, role = 'member'): Present => ({ id, name, role });
const PEOPLE = [person('u1', 'Guest 5131'), person('u2', 'Ann'), person('u3', 'ann'), person('u4', 'نور الهدى'), person('u5', 'Boss', 'owner'), person('u6', 'id:u2'), person('u7', 'Zoë')];
const ME = { id: 'u9', role: 'moderator' };

function at(text: string, people = PEOPLE, self = ME): Completion | null {
  const caret = text.indexOf('|');
  return completionFor(text.replace('|', ''), caret, { commands: COMMANDS, people }, self);
}
const labels = (text: string) => at(text)?.options.map(({ label }) => label) ?? null;
const texts = (text: string) => at(text)?.options.map((option) => `${option.text.slice(0, option.caret)}|${option.text.slice(option.caret)}`) ?? null;

describe('what the composer offers', () => {
  it('lists the commands behind a slash, those that begin so first', () => {
    expect(labels('/|')).toHaveLength(COMMANDS.length);
    expect(labels('/BAN|')).toEqual(['/ban USER [reason]', '/unban USER']);
    expect(texts('/sl|')).toEqual(['/slow |', '/slowoff|']);
    expect(texts('/ba| Ann')).toEqual(['/ban |Ann', '/unban |Ann']);
    expect(texts('/help /sl|')).toEqual(['/help slow|', '/help slowoff|']);
  });

  it('says nothing where nothing fits', () => {
    for (const text of ['|', 'hello|', '/nothing|', '/slow |', '/slow A|', 'a/b|', 'mail@Ann|', '/ban Guest 5131 spam|']) expect(labels(text)).toBeNull();
  });

  it('names people in a way that means only them', () => {
    expect(texts('/ban Gu|')).toEqual(['/ban @"Guest 5131" |']);
    expect(texts('/ban @"guest 5|')).toEqual(['/ban @"Guest 5131" |']);
    expect(texts('/ban an|')).toEqual(['/ban @id:u2 |', '/ban @id:u3 |']);
    expect(texts('/ban id|')).toEqual(['/ban @id:u6 |']);
    expect(texts('/timeout Ann|')).toBeNull();
    expect(texts('/ban zoe\u0308|')).toEqual(['/ban @Zoë |']);
    expect(texts('/ban نور|')).toEqual(['/ban @"نور الهدى" |']);
    expect(texts('/ban الهدى|')).toEqual(['/ban @"نور الهدى" |']);
  });

  it('offers only people on whom one may act', () => {
    expect(labels('/ban |')).not.toContain('Boss');
    expect(labels('/user B|')).toEqual(['Boss']);
    expect(at('/ban |', [person('u9', 'Me')])).toBeNull();
  });

  it('completes a name behind an @ in a message', () => {
    expect(texts('hello @gu|, how are you')).toEqual(['hello @Guest 5131 |, how are you']);
    expect(texts('@B|')).toEqual(['@Boss |']);
  });

  it('knows what may be sent as it is', () => {
    const whole = (text: string) => at(text)?.options.map((option) => option.whole);
    expect(whole('/slo|')).toEqual([true, true]);
    expect(whole('/ban|')).toEqual([false, false]);
    expect(whole('/ban Gu|')).toEqual([true]);
    expect(whole('/warn Gu|')).toEqual([false]);
  });

  it('offers who wrote last first, under the name that counts now', () => {
    const said = (id: string, name: string) => draft(id, { id, name, role: 'member', badges: [] }, 'x', '');
    const known = knownFrom({ commands: [], people: [person('u1', 'New'), person('u2', 'Ann')] }, [said('u2', 'Ann'), said('u3', 'Cy'), said('u1', 'Old')]);
    expect(known.people.map(({ name }) => name)).toEqual(['New', 'Cy', 'Ann']);
  });
});
