import { useEffect, type RefObject } from 'react';
import { nextSpeed } from '@weir/client/playback/place.ts';
import type { Playback } from '@weir/client/playback/playback.ts';

const STEP_S = 5;
const STRIDE_S = 10;
const VOLUME_STEP = 0.05;

/** What keys do besides moving in the stream. */
export interface PlayerActions {
  fullScreen: () => void;
  theatre: (() => void) | null;
  statistics: () => void;
  keys: () => void;
}

/** Keys of the player, wherever the focus is, except while typing or on a control that uses the key itself. */
export function useShortcuts(playback: Playback, actions: RefObject<PlayerActions>): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const deed = deedOf(event.key, playback, actions.current);
      if (deed === null || takes(event.target as HTMLElement, event.key)) return;
      event.preventDefault();
      deed();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [playback, actions]);
}

function deedOf(key: string, playback: Playback, actions: PlayerActions): (() => void) | null {
  const { at, speed } = playback.view.get();
  if (/^[0-9]$/.test(key)) return at === null ? null : () => playback.seekShare(Number(key) / 10);
  if (key === 'Home' || key === 'End') return at === null ? null : () => playback.seekShare(key === 'Home' ? 0 : 1);
  const deeds: Record<string, (() => void) | null> = {
    ' ': () => playback.toggle(),
    k: () => playback.toggle(),
    m: () => playback.sound.toggle(),
    c: () => playback.tracks.toggleSubtitles(),
    f: actions.fullScreen,
    t: actions.theatre,
    i: actions.statistics,
    '?': actions.keys,
    j: () => playback.step(-STRIDE_S),
    l: () => playback.step(STRIDE_S),
    ',': () => playback.stepFrame(-1),
    '.': () => playback.stepFrame(1),
    '<': () => playback.setSpeed(nextSpeed(speed, -1)),
    '>': () => playback.setSpeed(nextSpeed(speed, 1)),
    ArrowLeft: () => playback.step(-STEP_S),
    ArrowRight: () => playback.step(STEP_S),
    ArrowUp: () => playback.sound.louder(VOLUME_STEP),
    ArrowDown: () => playback.sound.louder(-VOLUME_STEP),
  };
  return deeds[key.length === 1 ? key.toLowerCase() : key] ?? null;
}

const TYPED = 'input:not([type="range"], [type="checkbox"]), textarea, select, [contenteditable], [role="menu"], dialog';

function takes(target: HTMLElement, key: string): boolean {
  if (target.closest(TYPED) !== null) return true;
  if (key === ' ') return target.closest('button, a, summary, input') !== null;
  const moves = key.startsWith('Arrow') || key === 'Home' || key === 'End';
  return moves && target.closest('[role="log"], [role="tablist"], input[type="range"]') !== null; // arrows scroll the chat
}
