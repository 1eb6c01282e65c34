import { useEffect, type RefObject } from 'react';
import type { Playback } from '@weir/client/playback/playback.ts';
import { toggleFullScreen } from './fullscreen';
import type { PanelName } from './PlayerPanels';

const STEP_S = 5;
const VOLUME_STEP = 0.05;

type Toggle = (panel: PanelName) => void;

/** Keys of the player, wherever the focus is, except while typing or on a control that uses the key itself. */
export function useShortcuts(playback: Playback, frame: RefObject<HTMLElement | null>, video: RefObject<HTMLVideoElement | null>, toggle: Toggle): void {
  useEffect(() => {
    const actions: Record<string, () => void> = {
      ' ': () => playback.toggle(),
      k: () => playback.toggle(),
      m: () => playback.toggleSound(),
      f: () => toggleFullScreen(frame.current, video.current),
      i: () => toggle('statistics'),
      '?': () => toggle('keys'),
      ArrowLeft: () => playback.step(-STEP_S),
      ArrowRight: () => playback.step(STEP_S),
      ArrowUp: () => playback.setVolume(playback.view.get().volume + VOLUME_STEP),
      ArrowDown: () => playback.setVolume(playback.view.get().volume - VOLUME_STEP),
    };
    const onKeyDown = (event: KeyboardEvent) => {
      const action = actions[event.key];
      if (action === undefined || event.ctrlKey || event.metaKey || event.altKey || takes(event.target as HTMLElement, event.key)) return;
      event.preventDefault();
      action();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [playback, frame, video, toggle]);
}

function takes(target: HTMLElement, key: string): boolean {
  if (target.closest('input, textarea, select, [contenteditable], [role="menu"]') !== null) return true;
  if (key === ' ') return target.closest('button, a, summary') !== null;
  return key.startsWith('Arrow') && target.closest('[role="log"]') !== null; // arrows scroll the chat
}
