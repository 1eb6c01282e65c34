import { useRef, useState } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { HeldMessage } from '@weir/client/chat/wire.ts';
import { momentText } from '@weir/client/format.ts';
import { usePick } from '../hooks';
import { Name } from '../person';

/** Messages that wait for a moderator, oldest first. */
export function Queue({ chat }: { chat: ChatClient }) {
  const held = usePick(chat.moderator.view, (view) => view.held);
  const list = useRef<HTMLUListElement>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const decide = async (index: number, id: string, approve: boolean) => {
    setTrouble(await chat.moderator.decide(id, approve));
    // The next one takes the place of the one that went, so that a queue is worked through without looking for it.
    requestAnimationFrame(() => {
      const rows = [...(list.current?.querySelectorAll<HTMLElement>('[data-approve]') ?? [])];
      (rows[index] ?? rows.at(-1))?.focus();
    });
  };
  return (
    <section className="mod-panel" aria-labelledby="mod-queue">
      <h2 id="mod-queue"><Trans>Waiting for you</Trans>{held !== null && held.length > 0 && <span className="mod-count">{held.length}</span>}</h2>
      {trouble !== null && <p className="dialog-note" role="alert">{trouble}</p>}
      {held === null ? <p className="mod-none"><Trans>Loading …</Trans></p> : held.length === 0 ? <p className="mod-none"><Trans>Nothing waits. Messages that your rules hold back appear here.</Trans></p> : (
        <ul className="mod-list" ref={list}>{held.map((one, index) => <Row key={one.id} held={one} onDecide={(approve) => void decide(index, one.id, approve)} />)}</ul>
      )}
    </section>
  );
}

function Row({ held: { user, text, reason, created }, onDecide }: { held: HeldMessage; onDecide: (approve: boolean) => void }) {
  const { t } = useLingui();
  return (
    <li data-testid="held">
      <span className="mod-row"><Name id={user.id} name={user.name} /><span className="mod-soft"><time dateTime={created}>{momentText(created)}</time></span></span>
      <bdi className="mod-text">{text}</bdi>
      {reason !== undefined && <span className="mod-soft"><bdi>{reason}</bdi></span>}
      <span className="mod-row">
        <button type="button" data-approve className="small-button" aria-label={t`Approve the message of ${user.name}`} onClick={() => onDecide(true)}><Trans>Approve</Trans></button>
        <button type="button" className="small-button plain" aria-label={t`Reject the message of ${user.name}`} onClick={() => onDecide(false)}><Trans>Reject</Trans></button>
      </span>
    </li>
  );
}
