import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { VListHandle } from 'virtua';
import type { ChatClient } from '@weir/client/chat/client.ts';
import { useScope } from './hooks';
import { keyOf, type Line } from './lines';

const NEAR_END_PX = 48;
/** How far from the beginning older messages are asked for. */
const NEAR_TOP_PX = 240;
const FLASH_MS = 1_800;

interface Wish {
  id: string;
  turn: number;
}

/** Keeps the reader's place: at the end while they are there, else where they are, also when older messages come above. */
export function useHeldScroll(lines: readonly Line[], wish: Wish | null) {
  const { chat, ownId } = useScope();
  const handle = useRef<VListHandle>(null);
  const atEnd = useRef(true);
  const [readTo, setReadTo] = useState<string | null>(null);
  const [atTop, setAtTop] = useState(false);
  const shift = useShift(lines);
  const end = () => handle.current?.scrollToIndex(lines.length - 1, { align: 'end' });

  const newest = lines.at(-1);
  const writing = newest !== undefined && 'cid' in newest && newest.state === 'pending' && newest.author.id === ownId ? newest.cid : null;
  useLayoutEffect(() => {
    if (writing !== null) atEnd.current = true; // who writes wants to see it
  }, [writing]);
  useLayoutEffect(() => {
    if (atEnd.current) handle.current?.scrollToIndex(lines.length - 1, { align: 'end' });
  }, [lines]);

  const onScroll = () => {
    const at = handle.current;
    if (at === null) return;
    const there = at.scrollSize - at.scrollOffset - at.viewportSize < NEAR_END_PX;
    if (there !== atEnd.current) chat.history.reading(!there);
    atEnd.current = there;
    setReadTo((before) => (there ? null : (before ?? (newest === undefined ? null : keyOf(newest)))));
    setAtTop(at.scrollOffset < NEAR_TOP_PX);
    if (at.scrollOffset < NEAR_TOP_PX && !there) void chat.history.load();
  };
  const onResize = () => {
    if (atEnd.current) end();
    const at = handle.current;
    if (at !== null) setAtTop(at.scrollOffset < NEAR_TOP_PX);
  };
  const show = (index: number) => {
    handle.current?.scrollToIndex(index, { align: 'nearest' });
    if (index < 3) void chat.history.load();
  };
  const toEnd = () => {
    atEnd.current = true;
    setReadTo(null);
    chat.history.reading(false);
    end();
  };
  const flash = useWish(chat, lines, wish, (index) => {
    atEnd.current = false;
    handle.current?.scrollToIndex(index, { align: 'center' });
  });
  return { unread: unreadAfter(lines, readTo, ownId), flash, shift, handle, onScroll, onResize, show, toEnd, atTop };
}

/** True for the drawing in which lines came or went at the beginning. */
function useShift(lines: readonly Line[]): boolean {
  const first = lines[0] === undefined ? null : keyOf(lines[0]);
  const [before, setBefore] = useState({ first, count: lines.length, shift: false, lines });
  if (before.lines === lines) return before.shift;
  const shift = before.first !== null && before.first !== first && before.count !== lines.length;
  setBefore({ first, count: lines.length, shift, lines });
  return shift;
}

/** Goes to the wished message when it is there; the returned key is that of the line that is marked for a moment. */
function useWish(chat: ChatClient, lines: readonly Line[], wish: Wish | null, go: (index: number) => void): string | null {
  const [over, setOver] = useState(0);
  const done = useRef(0);
  const index = wish === null ? -1 : lines.findIndex((line) => 'cid' in line && line.id === wish.id);
  useEffect(() => {
    if (wish === null || index === -1 || done.current === wish.turn) return;
    done.current = wish.turn;
    go(index);
    window.setTimeout(() => setOver(wish.turn), FLASH_MS);
  });
  useEffect(() => {
    if (wish !== null) void chat.history.until(wish.id).then((found) => { if (!found) chat.tooOld(); });
  }, [chat, wish]);
  const line = lines[index];
  return wish === null || line === undefined || over === wish.turn ? null : keyOf(line);
}

function unreadAfter(lines: readonly Line[], readTo: string | null, ownId: string | null): number {
  if (readTo === null) return 0;
  const read = lines.findIndex((line) => keyOf(line) === readTo);
  return lines.slice(read + 1).filter((line) => 'cid' in line && line.author.id !== ownId).length;
}
