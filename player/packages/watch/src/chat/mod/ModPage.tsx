import { useEffect, useState, type KeyboardEvent } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import type { ChatClient } from '@weir/client/chat/client.ts';
import { moderates } from '@weir/client/chat/rights.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Chat } from '../Chat';
import { usePick } from '../hooks';
import { UserCard } from '../UserCard';
import { ActionRow } from './ActionRow';
import { InForce } from './InForce';
import { Queue } from './Queue';
import { QuickCommands, Switches } from './Switches';
import './mod.css';

type Tab = 'chat' | 'queue' | 'people';
const TABS: readonly Tab[] = ['chat', 'queue', 'people'];

/** A moderator's page: chat, what waits and what was done, who is restricted and what holds. Three columns, or tabs on a small screen. */
export function ModPage({ watching, chat }: { watching: Watching; chat: ChatClient }) {
  const [tab, setTab] = useState<Tab>('chat');
  const [card, setCard] = useState<string | null>(null);
  const role = usePick(chat.view, (view) => view.role);
  const line = usePick(chat.view, (view) => view.line);
  const title = usePick(watching.follower.view, ({ stream }) => stream?.title ?? '');
  const may = moderates(role);
  useEffect(() => (may ? chat.moderator.watch() : undefined), [chat, may]);
  useEffect(() => {
    document.title = title;
  }, [title]);
  if (role !== null && !may) return <NoModerator />;
  return (
    <main className="mod" data-tab={tab} data-line={line}>
      <header className="mod-head">
        <h1 title={title}><bdi>{title || '\u00a0'}</bdi></h1>
        <Tabs tab={tab} chat={chat} onChoose={setTab} />
      </header>
      <div className="mod-columns">
        <div className="mod-column" data-column="chat" id="mod-chat"><Chat watching={watching} chat={chat} place="moderating" /></div>
        <div className="mod-column" data-column="queue" id="mod-queue-column"><Trouble chat={chat} /><Queue chat={chat} /><Recent chat={chat} /></div>
        <div className="mod-column" data-column="people" id="mod-people"><Restricted chat={chat} onName={setCard} /><Switches chat={chat} /><QuickCommands chat={chat} /></div>
      </div>
      {card !== null && <UserCard chat={chat} id={card} onClose={() => setCard(null)} />}
    </main>
  );
}

function NoModerator() {
  return (
    <main className="mod-refused">
      <h1><Trans>Only moderators can open this page.</Trans></h1>
      <a href={location.pathname + location.hash}><Trans>To the stream</Trans></a>
    </main>
  );
}

function Tabs({ tab, chat, onChoose }: { tab: Tab; chat: ChatClient; onChoose: (tab: Tab) => void }) {
  const { t } = useLingui();
  const waiting = usePick(chat.moderator.view, ({ held }) => held?.length ?? 0);
  const words: Record<Tab, string> = { chat: t`Chat`, queue: waiting > 0 ? t`Queue (${waiting})` : t`Queue`, people: t`People` };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = TABS.at((TABS.indexOf(tab) + step * (document.dir === 'rtl' ? -1 : 1)) % TABS.length) ?? 'chat';
    onChoose(next);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };
  return (
    <div className="mod-tabs" role="tablist" aria-label={t`Moderator view`} onKeyDown={onKeyDown}>
      {TABS.map((one) => <button key={one} type="button" role="tab" data-tab={one} aria-selected={one === tab} tabIndex={one === tab ? 0 : -1} onClick={() => onChoose(one)}>{words[one]}</button>)}
    </div>
  );
}

function Trouble({ chat }: { chat: ChatClient }) {
  const { trouble } = useStore(chat.moderator.view);
  return trouble === null ? null : <p className="dialog-note" role="alert">{trouble}</p>;
}

function Recent({ chat }: { chat: ChatClient }) {
  const actions = usePick(chat.moderator.view, (view) => view.actions);
  const undo = (id: string) => void chat.command(`/undo ${id}`).then(() => chat.moderator.refresh());
  return (
    <section className="mod-panel" aria-labelledby="mod-recent">
      <h2 id="mod-recent"><Trans>Recent actions</Trans></h2>
      {actions === null ? <p className="mod-none"><Trans>Loading …</Trans></p> : actions.length === 0 ? <p className="mod-none"><Trans>No actions so far.</Trans></p> : (
        <ul className="mod-list">{actions.map((action) => <ActionRow key={action.id} action={action} onUndo={undo} />)}</ul>
      )}
    </section>
  );
}

function Restricted({ chat, onName }: { chat: ChatClient; onName: (id: string) => void }) {
  const restrictions = usePick(chat.moderator.view, (view) => view.restrictions);
  const end = (action: string) => void chat.command(`/undo ${action}`).then(() => chat.moderator.refresh());
  return (
    <section className="mod-panel" aria-labelledby="mod-restricted">
      <h2 id="mod-restricted"><Trans>Banned, muted, timed out</Trans></h2>
      {restrictions === null ? <p className="mod-none"><Trans>Loading …</Trans></p> : restrictions.length === 0 ? <p className="mod-none"><Trans>Nobody now.</Trans></p> : <InForce restrictions={restrictions} onEnd={end} onName={onName} />}
    </section>
  );
}
