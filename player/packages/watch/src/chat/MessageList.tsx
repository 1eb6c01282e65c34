import { useCallback, useMemo, useState, type FocusEvent, type KeyboardEvent, type MouseEvent } from 'react';
import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { VList } from 'virtua';
import { Announcer } from './Announcer';
import { keyOf, useLines, type Line } from './lines';
import { usePick, useScope } from './hooks';
import { MessageLine } from './MessageLine';
import { MessageMenu, type MenuPlace } from './Menu';
import { useHeldScroll } from './scroll';
import { useTitleCount } from './titleCount';

/** Fewer are all there are. */
const FIRST_PAGE = 50;

interface Props {
  closed: boolean;
  /** The message to go to, with a number that is new for each wish. */
  wish: { id: string; turn: number } | null;
}

/** The messages, held at the newest one until the reader scrolls back. Only what is in view is in the document. */
export function MessageList({ closed, wish }: Props) {
  const { t } = useLingui();
  const { chat } = useScope();
  const lines = useLines(chat);
  const [menu, setMenu] = useState<MenuPlace | null>(null);
  const { handle, onScroll, onResize, show, toEnd, atTop, unread, flash, shift } = useHeldScroll(lines, wish);
  const { stop, kept, onKeyDown, onFocus } = useRoving(lines, show, setMenu);
  useTitleCount(lines);
  const draw = (line: Line) => <Drawn key={keyOf(line)} line={line} stop={keyOf(line) === stop} flash={keyOf(line) === flash} onMenu={setMenu} />;
  return (
    <>
      <div className="messages-frame" data-testid="messages">
        <a className="skip" href="#chat-field" onClick={skip}><Trans>Skip the messages</Trans></a>
        {lines.length === 0 ? <None closed={closed} /> : (
          <div className="messages" role="group" aria-label={t`Messages`} onKeyDown={onKeyDown} onFocus={onFocus}>
            <VList ref={handle} className="messages-list" data={lines} shift={shift} keepMounted={kept} onScroll={onScroll} onResize={onResize} tabIndex={-1}>
              {draw}
            </VList>
          </div>
        )}
        <Older show={atTop} />
      </div>
      <Announcer lines={lines} />
      {menu !== null && <MessageMenu key={menu.message.cid} place={menu} onClose={() => setMenu(null)} />}
      {unread > 0 && (
        <button type="button" className="unread" data-testid="unread" onClick={toEnd}>
          <Plural value={unread} one="# new message" other="# new messages" /> <span aria-hidden="true">↓</span>
        </button>
      )}
    </>
  );
}

function Drawn({ line, ...rest }: { line: Line; stop: boolean; flash: boolean; onMenu: (place: MenuPlace) => void }) {
  if ('words' in line) return <p className="note" data-line={keyOf(line)} data-testid="chat-note" tabIndex={rest.stop ? 0 : -1}>{line.words}</p>;
  return <MessageLine message={line} line={keyOf(line)} {...rest} />;
}

/** Shown where there are no messages. A banned user finds the reason at the composer. */
function None({ closed }: { closed: boolean }) {
  const { role } = useScope();
  if (closed) return <p className="messages-none"><Trans>The chat is closed to you.</Trans></p>;
  return <p className="messages-none">{role !== null ? <Trans>No messages yet. Say hello!</Trans> : <Trans>Loading the chat …</Trans>}</p>;
}

function Older({ show }: { show: boolean }) {
  const { chat } = useScope();
  const older = usePick(chat.view, ({ older: state }) => state);
  const many = usePick(chat.view, ({ log }) => log.messages.length >= FIRST_PAGE);
  if (older === 'loading') return <p className="older" role="status"><Trans>Loading earlier messages …</Trans></p>;
  if (!show || !many || older !== 'idle') return null;
  return <button type="button" className="older quiet-button" data-testid="older" onClick={() => void chat.history.load()}><Trans>Earlier messages</Trans></button>;
}

function skip(event: MouseEvent): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#chat-field')?.focus();
}

/** One tab stop for the whole list: arrows move between messages, Enter opens the message's menu. */
function useRoving(lines: readonly Line[], show: (index: number) => void, onMenu: (place: MenuPlace) => void) {
  const [chosen, setChosen] = useState<string | null>(null);
  const index = useMemo(() => {
    const found = chosen === null ? -1 : lines.findIndex((line) => keyOf(line) === chosen);
    return found === -1 ? lines.length - 1 : found;
  }, [lines, chosen]);
  const kept = useMemo(() => (index >= 0 ? [index] : []), [index]);
  const go = (to: number, list: HTMLElement) => {
    const line = lines[Math.min(Math.max(to, 0), lines.length - 1)];
    if (line === undefined) return;
    setChosen(keyOf(line));
    show(Math.min(Math.max(to, 0), lines.length - 1));
    requestAnimationFrame(() => list.querySelector<HTMLElement>(`[data-line="${CSS.escape(keyOf(line))}"]`)?.focus({ preventScroll: true }));
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const to = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: lines.length - 1 }[event.key];
    const target = event.target as HTMLElement;
    if (to !== undefined) {
      event.preventDefault();
      go(to, event.currentTarget);
    } else if (event.key === 'Enter' && target.matches('article')) {
      const line = lines[index];
      if (line === undefined || 'words' in line) return;
      event.preventDefault();
      onMenu({ message: line, at: target });
    }
  };
  const onFocus = useCallback((event: FocusEvent) => {
    const line = (event.target as HTMLElement).closest<HTMLElement>('[data-line]')?.dataset['line'];
    if (line !== undefined) setChosen(line);
  }, []);
  const at = lines[index];
  return { stop: at === undefined ? null : keyOf(at), kept, onKeyDown, onFocus };
}
