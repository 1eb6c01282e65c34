import { Suspense, lazy, useEffect, useMemo, useRef, useState, type RefObject } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import type { ChatClient } from '@weir/client/chat/client.ts';
import { moderates, ruleOf } from '@weir/client/chat/rights.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import { fetched } from '@weir/client/fetched.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import './chat.css';
import { Composer, type ComposerHandle } from './Composer';
import { DisplayName } from './DisplayName';
import { Head } from './Head';
import { ScopeContext, usePick, type ChatScope } from './hooks';
import { MessageList } from './MessageList';
import { PinnedBar } from './PinnedBar';
import { PrivateNotice } from './PrivateNotice';
import { TypingLine } from './TypingLine';

const UserCard = lazy(async () => ({ default: (await fetched(() => import('./UserCard'))).UserCard }));

interface Props {
  watching: Watching;
  chat: ChatClient;
  /** Where the chat stands: beside the picture, alone in a window, or in a moderator's page. */
  place?: 'beside' | 'alone' | 'moderating';
}

export function Chat({ watching, chat, place = 'beside' }: Props) {
  const { t } = useLingui();
  const line = usePick(chat.view, (view) => view.line);
  const role = usePick(chat.view, (view) => view.role);
  const settings = useStore(chat.settings.view);
  const composer = useRef<ComposerHandle>(null);
  const [answered, setAnswered] = useState<Message | null>(null);
  const [wish, setWish] = useState<{ id: string; turn: number } | null>(null);
  const [card, setCard] = useState<string | null>(null);
  const scope = useScopeOf(watching, chat, role, {
    answer: (message) => { setAnswered(message); composer.current?.focus(); },
    mention: (name) => composer.current?.insert(`@${name} `),
    jump: (id) => setWish((before) => ({ id, turn: (before?.turn ?? 0) + 1 })),
    card: setCard,
  });
  useEffect(() => chat.alignment.choose(place === 'moderating' ? 'off' : settings.align), [chat, place, settings.align]);
  return (
    <ScopeContext value={scope}>
      <aside
        className="chat" aria-label={t`Chat`} data-size={settings.size} data-times={settings.times} data-badges={settings.badges} data-avatars={settings.avatars} data-motion={settings.motion}
      >
        <Head place={place} />
        <PinnedBar />
        <MessageList closed={line === 'closed'} wish={wish} />
        <TypingLine signals={chat.signals} />
        <PrivateNotice chat={chat} />
        {role === 'guest' ? (
          <p className="chat-foot read-only"><Trans>You are reading as a guest. Sign in on the streamer’s site to take part.</Trans></p>
        ) : (
          <Foot watching={watching} composer={composer} answered={answered} onAnswered={() => setAnswered(null)} />
        )}
        {card !== null && <Suspense><UserCard chat={chat} id={card} onClose={() => setCard(null)} /></Suspense>}
      </aside>
    </ScopeContext>
  );
}

interface FootProps {
  watching: Watching;
  composer: RefObject<ComposerHandle | null>;
  answered: Message | null;
  onAnswered: () => void;
}

function Foot({ watching, composer, answered, onAnswered }: FootProps) {
  const user = useStore(watching.access.view).session?.user ?? null;
  const chat = useStore(watching.view).chat;
  if (chat === null) return null;
  return <footer className="chat-foot"><Written chat={chat} composer={composer} answered={answered} onAnswered={onAnswered} />{user !== null && <OwnName key={user.name} watching={watching} chat={chat} />}</footer>;
}

function Written({ chat, ...rest }: Omit<FootProps, 'watching'> & { chat: ChatClient }) {
  const line = usePick(chat.view, (view) => view.line);
  const closedBecause = usePick(chat.view, (view) => view.closedBecause);
  const hold = usePick(chat.view, (view) => view.hold);
  const self = usePick(chat.view, (view) => view.self);
  const settings = usePick(chat.view, (view) => view.log.settings);
  return <Composer chat={chat} line={line} closedBecause={closedBecause} hold={hold} rule={ruleOf(settings, self)} {...rest} />;
}

function OwnName({ watching, chat }: { watching: Watching; chat: ChatClient }) {
  const line = usePick(chat.view, (view) => view.line);
  const user = useStore(watching.access.view).session?.user ?? null;
  return user === null || line === 'closed' ? null : <DisplayName watching={watching} user={user} />;
}

type Deeds = Pick<ChatScope, 'answer' | 'mention' | 'jump' | 'card'>;

/** The same object while nothing in it changes, so that lines are not drawn anew. */
function useScopeOf(watching: Watching, chat: ChatClient, role: string | null, { answer, mention, jump, card }: Deeds): ChatScope {
  const user = useStore(watching.access.view).session?.user ?? null;
  const deeds = useRef({ answer, mention, jump, card });
  useEffect(() => {
    deeds.current = { answer, mention, jump, card };
  });
  const [ownId, ownName] = [user?.id ?? null, user?.name ?? null];
  return useMemo(() => ({
    chat, role, ownId, ownName,
    answer: (message) => deeds.current.answer(message),
    mention: (name) => deeds.current.mention(name),
    jump: (id) => deeds.current.jump(id),
    card: (id) => { if (moderates(role)) deeds.current.card(id); },
  }), [chat, role, ownId, ownName]);
}
