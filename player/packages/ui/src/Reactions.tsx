import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import type { CSSProperties } from 'react';
import type { ChatClient } from '@weir/client/chat/client.ts';
import { KINDS, type ReactionName, type Reactions } from '@weir/client/reactions.ts';
import { useStore } from '@weir/client/observable.ts';
import { countText } from '@weir/client/format.ts';
import { Glyph } from './icons';

const LABELS: Record<ReactionName, MessageDescriptor> = { heart: msg`Send a heart`, clap: msg`Applaud` };
const NAMES = Object.keys(KINDS) as ReactionName[];

/** The own say in a crowd: one tap, one sign. */
export function ReactionButtons({ chat }: { chat: ChatClient }) {
  const { t } = useLingui();
  const { line, hold } = useStore(chat.view);
  if (line === 'closed' || hold?.why === 'muted') return null;
  return (
    <div className="reactions" role="group" aria-label={t`Reactions`}>
      {NAMES.map((name) => (
        <button key={name} type="button" className="reaction" data-kind={name} data-testid={`react-${name}`} aria-label={i18n._(LABELS[name])} title={i18n._(LABELS[name])} onClick={() => chat.signals.react(KINDS[name])}>
          <Glyph name={name} />
        </button>
      ))}
    </div>
  );
}

/** Everybody's reactions, rising over the picture; decoration, so nothing is read out. */
export function RisingReactions({ reactions }: { reactions: Reactions }) {
  const { floats } = useStore(reactions.view);
  return (
    <div className="rising" aria-hidden="true">
      {floats.map(({ key, name, lane, count }) => (
        <span key={key} className="float" data-kind={name} data-testid="reaction" style={{ '--lane': lane } as CSSProperties}>
          <Glyph name={name} />
          {count > 1 && <b>×{countText(count)}</b>}
        </span>
      ))}
    </div>
  );
}
