import { useCallback, useEffect, useState } from 'react';
import { Plural, Trans, useLingui } from '@lingui/react/macro';
import type { ChatClient } from '@weir/client/chat/client.ts';
import { rankOf, userWord } from '@weir/client/chat/rights.ts';
import type { UserCard as Card } from '@weir/client/chat/wire.ts';
import { momentText } from '@weir/client/format.ts';
import { Dialog } from '../dialogs/Dialog';
import { usePick } from './hooks';
import './mod/mod.css';
import { ActionRow } from './mod/ActionRow';
import { InForce } from './mod/InForce';
import { Name, RolePill } from './person';

/** One person as moderators see them, and what can be done about them. */
export function UserCard({ chat, id, onClose }: { chat: ChatClient; id: string; onClose: () => void }) {
  const { t } = useLingui();
  const { card, trouble, load } = useCard(chat, id);
  const role = usePick(chat.view, (view) => view.role) ?? 'guest';
  const run = (command: string) => void chat.command(command).then(load);
  return (
    <Dialog title={card?.user.name ?? t`About this person`} onClose={onClose}>
      <div className="card" data-testid="user-card">
        {trouble !== null && <p className="dialog-note" role="alert">{trouble}</p>}
        {card !== null && (
          <>
            <p className="card-facts"><Name id={card.user.id} name={card.user.name} /><RolePill role={card.user.role} /><Count card={card} /></p>
            <Said chat={chat} onUndo={() => void load()} />
            <InForce restrictions={card.restrictions} onEnd={(action) => run(`/undo ${action}`)} />
            {rankOf(role) > rankOf(card.user.role) ? <Deeds user={userWord(id)} run={run} /> : <p className="dialog-note"><Trans>You can’t act on people of your own role or a higher one.</Trans></p>}
            <Past card={card} onUndo={(action) => run(`/undo ${action}`)} />
          </>
        )}
      </div>
    </Dialog>
  );
}

function useCard(chat: ChatClient, id: string) {
  const { t } = useLingui();
  const [card, setCard] = useState<Card | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const load = useCallback(async () => {
    const answer = await chat.moderator.card(id);
    setTrouble(answer === null ? t`No answer came.` : answer.ok ? null : answer.error.message);
    if (answer?.ok === true) setCard(answer);
  }, [chat, id, t]);
  useEffect(() => {
    void Promise.resolve().then(load);
  }, [load]);
  return { card, trouble, load };
}

function Count({ card: { messages_found: count, more } }: { card: Card }) {
  if (more) return <span className="card-count"><Trans>at least <Plural value={count} one="# message" other="# messages" /></Trans></span>;
  return <span className="card-count"><Plural value={count} one="# message" other="# messages" /></span>;
}

/** The answer to what was just done, and the way back. */
export function Said({ chat, onUndo }: { chat: ChatClient; onUndo: () => void }) {
  const notice = usePick(chat.view, (view) => view.notice);
  return (
    <div role="status">
      {notice !== null && (
        <p className="dialog-note">
          {notice.words}{' '}
          {notice.undo !== null && <button type="button" className="link-button" onClick={() => void chat.command(notice.undo ?? '').then(onUndo)}><Trans>Undo</Trans></button>}
        </p>
      )}
    </div>
  );
}

function Deeds({ user, run }: { user: string; run: (command: string) => void }) {
  const { t } = useLingui();
  const [reason, setReason] = useState('');
  const [scope, setScope] = useState('');
  const because = reason.trim() === '' ? '' : ` "${reason.trim().replaceAll('"', '”')}"`;
  const lengths: [string, string][] = [['1m', t`1 min`], ['10m', t`10 min`], ['1h', t`1 h`], ['1d', t`1 day`], ['7d', t`7 days`]];
  const button = (label: string, command: string, grave = false) => <button key={label} type="button" className="small-button plain" data-grave={grave} onClick={() => run(command + because)}>{label}</button>;
  return (
    <div className="card-deeds">
      <input className="field" value={reason} maxLength={300} aria-label={t`Reason`} placeholder={t`Reason (optional)`} onChange={(event) => setReason(event.target.value)} />
      <div role="group" aria-label={t`Time out for`}><span><Trans>Time out for</Trans></span>{lengths.map(([word, label]) => button(label, `/timeout ${user} ${word}`))}</div>
      <div role="group" aria-label={t`Other actions`}>
        {button(t`Mute`, `/mute ${user}`)}
        <button type="button" className="small-button plain" onClick={() => run(`/shadowban ${user}`)}><Trans>Shadow-ban</Trans></button>
        <button type="button" className="small-button plain" onClick={() => run(`/clear ${user}`)}><Trans>Remove their messages</Trans></button>
      </div>
      <div role="group" aria-label={t`Ban`}>
        <select className="field" aria-label={t`How far the ban goes`} value={scope} onChange={(event) => setScope(event.target.value)}>
          <option value="">{t`in this chat, for good`}</option>
          <option value=" 7d">{t`in this chat, for 7 days`}</option>
          <option value=" idonly">{t`in this chat, not their device`}</option>
          <option value=" everywhere">{t`in all chats (staff only)`}</option>
        </select>
        {button(t`Ban`, `/ban ${user}${scope}`, true)}
      </div>
    </div>
  );
}

function Past({ card, onUndo }: { card: Card; onUndo: (action: string) => void }) {
  return (
    <>
      <h3><Trans>Actions about them</Trans></h3>
      {card.actions.length === 0 ? <p className="mod-none"><Trans>None so far.</Trans></p> : <ul className="mod-list">{card.actions.map((action) => <ActionRow key={action.id} action={action} onUndo={onUndo} />)}</ul>}
      <h3><Trans>Their last messages</Trans></h3>
      {card.messages.length === 0 ? <p className="mod-none"><Trans>No messages here.</Trans></p> : (
        <ul className="mod-list">{card.messages.toReversed().map(({ id, at, text }) => <li key={id}><time dateTime={at}>{momentText(at)}</time> <bdi className="mod-text">{text}</bdi></li>)}</ul>
      )}
    </>
  );
}
