import { useLayoutEffect, useRef, type KeyboardEvent } from 'react';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import type { Deed } from '@weir/client/chat/rights.ts';

const MARGIN_PX = 8;

export interface MenuPlace {
  message: Message;
  deeds: Deed[];
  button: HTMLElement;
}

interface Props {
  place: MenuPlace;
  chat: ChatClient;
  onClose: () => void;
}

/** What may be done about one message. It is in the browser's top layer, so that the list's edges do not cut it. */
export function MessageMenu({ place: { message, deeds, button }, chat, onClose }: Props) {
  const root = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const menu = root.current;
    if (menu === null) return;
    menu.showPopover();
    putBeside(menu, button);
    menu.querySelector<HTMLElement>('[role="menuitem"]')?.focus();
  }, [button]);
  const choose = (command: string) => {
    void chat.command(command);
    root.current?.hidePopover();
    button.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Tab') root.current?.hidePopover();
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    const items = [...(root.current?.querySelectorAll<HTMLElement>('[role="menuitem"]') ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items.at((at + (event.key === 'ArrowDown' ? 1 : -1)) % items.length)?.focus();
  };
  return (
    <div ref={root} popover="auto" className="deeds" role="menu" aria-label={`Actions on the message of ${message.author.name}`} onKeyDown={onKeyDown} onToggle={(event) => { if (event.newState === 'closed') onClose(); }}>
      <p className="deeds-head">{message.author.name}</p>
      {deeds.map(({ label, command, grave }) => (
        <button key={label} type="button" role="menuitem" className="deed" data-grave={grave} onClick={() => choose(command)}>{label}</button>
      ))}
    </div>
  );
}

/** Below the button where there is room, else above it, and always inside the window. */
function putBeside(menu: HTMLElement, button: HTMLElement): void {
  const { top, bottom, right } = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const below = bottom + MARGIN_PX / 2;
  const fits = below + height + MARGIN_PX <= window.innerHeight;
  menu.style.top = `${fits ? below : Math.max(MARGIN_PX, top - height - MARGIN_PX / 2)}px`;
  menu.style.left = `${Math.max(MARGIN_PX, right - width)}px`;
}
