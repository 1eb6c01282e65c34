import { useState, type CSSProperties } from 'react';
import { useLingui } from '@lingui/react/macro';
import type { Author } from '@weir/client/chat/wire.ts';
import { hueOf } from '@weir/client/format.ts';

/** The name in its own colour, at most 25 characters wide; all of it on hover. */
export function Name({ id, name }: { id: string; name: string }) {
  return <bdi className="author" style={hue(id)} title={name}>{name}</bdi>;
}

/** The picture of the person's app, or the first letter. Only https: the address comes from a token. */
export function Avatar({ author: { id, name, avatar } }: { author: Pick<Author, 'id' | 'name' | 'avatar'> }) {
  const [broken, setBroken] = useState<string | null>(null);
  const shown = avatar?.startsWith('https://') === true && avatar !== broken;
  return (
    <span className="face" style={hue(id)} data-initial={shown ? '' : initialOf(name)} aria-hidden="true">
      {shown && <img src={avatar} alt="" loading="lazy" decoding="async" referrerPolicy="no-referrer" onError={() => setBroken(avatar)} />}
    </span>
  );
}

export function RolePill({ role }: { role: string }) {
  const { t } = useLingui();
  const words: Record<string, string> = { owner: t`Host`, moderator: t`Mod`, vip: t`VIP` };
  return words[role] === undefined ? null : <span className="role" data-role={role}>{words[role]}</span>;
}

export function Badges({ badges }: { badges: readonly string[] }) {
  const { t } = useLingui();
  const known: Record<string, string> = { subscriber: t`Subscriber`, follower: t`Follower` };
  return badges.slice(0, 4).map((badge) => {
    const words = known[badge] ?? badge;
    return <span key={badge} className="token" data-badge={known[badge] === undefined ? 'other' : badge} role="img" aria-label={words} title={words} data-initial={SIGNS[badge] ?? initialOf(words)} />;
  });
}

const SIGNS: Record<string, string> = { subscriber: '★', follower: '♥' };

function hue(id: string): CSSProperties {
  return { '--hue': hueOf(id) } as CSSProperties;
}

/** The first character as people count them; emoji of several code points are one. */
function initialOf(name: string): string {
  const [first] = new Intl.Segmenter().segment(name.trim());
  return first?.segment.toUpperCase() ?? '?';
}
