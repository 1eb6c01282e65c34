import { useLayoutEffect, useRef, type KeyboardEvent } from 'react';
import { useLingui } from '@lingui/react/macro';
import { deedsFor, moderates } from '@weir/client/chat/rights.ts';
import { saidOf } from '@weir/client/chat/mentions.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import { hostOf } from '@weir/client/links.ts';
import { useScope, type ChatScope } from './hooks';

const MARGIN_PX = 8;
const MOST_LINKS = 3;

export interface MenuPlace {
  message: Message;
  /** The button or line that opened it; the focus returns there. */
  at: HTMLElement;
}

interface Item {
  label: string;
  grave: boolean;
  run: () => void;
}

/** All that may be done with one message and its author. In the browser's top layer, so that the list's edges do not cut it. */
export function MessageMenu({ place: { message, at }, onClose }: { place: MenuPlace; onClose: () => void }) {
  const { t } = useLingui();
  const scope = useScope();
  const root = useRef<HTMLDivElement>(null);
  const items = useItems(message, scope);
  const { name } = message.author;
  useLayoutEffect(() => {
    const menu = root.current;
    if (menu === null) return;
    menu.showPopover();
    putBeside(menu, at);
    menu.querySelector<HTMLElement>('[role="menuitem"]')?.focus();
  }, [at]);
  const choose = ({ run }: Item) => {
    root.current?.hidePopover();
    at.focus();
    run();
  };
  return (
    <div ref={root} popover="auto" className="deeds" role="menu" aria-label={t`Actions on the message of ${name}`} onKeyDown={(event) => moveIn(root.current, event)} onToggle={(event) => { if (event.newState === 'closed') onClose(); }}>
      <p className="deeds-head" role="presentation"><bdi>{name}</bdi></p>
      {items.map((item) => (
        <button key={item.label} type="button" role="menuitem" tabIndex={-1} className="deed" data-grave={item.grave} onClick={() => choose(item)}>{item.label}</button>
      ))}
    </div>
  );
}

function useItems(message: Message, scope: ChatScope): Item[] {
  const { t } = useLingui();
  const { chat, role, ownId, answer, mention, card, jump } = scope;
  const { id, author, text, state, replyTo, shadow } = message;
  const own = author.id === ownId;
  const writes = role !== 'guest' && ownId !== null;
  const item = (label: string, run: () => void, wanted = true): Item[] => (wanted ? [{ label, grave: false, run }] : []);
  const deeds = deedsFor(message, role, own).map(({ label, command, grave }) => ({ label, grave, run: () => void chat.command(command) }));
  const links = saidOf(text, null).flatMap(({ href }) => (href === null ? [] : [href]));
  return [
    ...item(t`Reply`, () => answer(message), writes && id !== null && state === 'sent' && !shadow),
    ...item(t`Mention`, () => mention(author.name), writes && !own),
    ...item(t`Go to the answered message`, () => jump(replyTo ?? ''), replyTo !== null),
    ...[...new Set(links)].slice(0, MOST_LINKS).flatMap((href) => item(t`Open ${hostOf(href)}`, () => window.open(href, '_blank', 'noopener,noreferrer'))),
    ...item(t`Copy text`, () => void navigator.clipboard.writeText(text), state !== 'removed' && window.isSecureContext),
    ...item(t`About this person`, () => card(author.id), moderates(role)),
    ...item(t`Ignore`, () => chat.settings.ignore(author.id, author.name), !own),
    ...deeds,
  ];
}

/** Arrow keys move among the items; Tab leaves and closes. */
export function moveIn(menu: HTMLElement | null, event: KeyboardEvent): void {
  if (event.key === 'Tab') menu?.hidePopover();
  const items = [...(menu?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: (at + 1) % items.length, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  items.at(to)?.focus();
}

/** Below the element where there is room, else above it, and always inside the window. */
export function putBeside(menu: HTMLElement, at: HTMLElement): void {
  const { top, bottom, left, right } = at.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const below = Math.min(bottom, window.innerHeight - MARGIN_PX) + MARGIN_PX / 2;
  const fits = below + height + MARGIN_PX <= window.innerHeight;
  const start = getComputedStyle(at).direction === 'rtl' ? left : right - width;
  menu.style.top = `${fits ? below : Math.max(MARGIN_PX, top - height - MARGIN_PX / 2)}px`;
  menu.style.left = `${Math.min(Math.max(MARGIN_PX, start), window.innerWidth - width - MARGIN_PX)}px`;
}
