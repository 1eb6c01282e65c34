import { useEffect, useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import type { Playback } from '@weir/client/playback/playback.ts';
import type { Tracks } from '@weir/client/playback/tracks.ts';
import { useStore } from '@weir/client/observable.ts';
import { Glyph } from './icons';

/** Whether the menu is open, and its keys: Escape closes it, the arrows move in it. */
function useMenu() {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useOutsideClick(root, open, () => setOpen(false));
  useEffect(() => {
    if (open) root.current?.querySelector<HTMLElement>('[aria-checked="true"]')?.focus();
  }, [open]);

  const close = () => {
    setOpen(false);
    root.current?.querySelector('button')?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    event.stopPropagation();
    if (event.key === 'Escape') close();
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      moveFocus(root.current, event.key === 'ArrowDown' ? 1 : -1);
    }
  };
  return { open, setOpen, close, root, onKeyDown };
}

/** Automatic or one height of the ladder. */
export function QualityMenu({ playback }: { playback: Playback }) {
  const { rungs, chosen, height } = useStore(playback.view);
  const { open, setOpen, close, root, onKeyDown } = useMenu();
  const choose = (wanted: number | null) => {
    playback.choose(wanted);
    close();
  };
  const shown = height === null ? '' : `${height}p`;
  return (
    <div className="quality" ref={root} onKeyDown={onKeyDown}>
      <button type="button" className="control quality-button" data-testid="quality-button" aria-haspopup="menu" aria-expanded={open} aria-label={`Quality: ${chosen === null ? 'automatic' : `${chosen}p`}${shown && `, showing ${shown}`}`} title="Quality" disabled={rungs.length === 0} onClick={() => setOpen(!open)}>
        <Glyph name="quality" />
        <span>{chosen === null ? 'Auto' : `${chosen}p`}</span>
      </button>
      {open && (
        <div className="menu" role="menu" aria-label="Quality">
          <Option label="Auto" detail={chosen === null ? shown : ''} value="auto" checked={chosen === null} onChoose={() => choose(null)} />
          {rungs.map((rung) => (
            <Option key={rung.index} label={`${rung.height}p`} detail="" value={String(rung.height)} checked={chosen === rung.height} onChoose={() => choose(rung.height)} />
          ))}
        </div>
      )}
    </div>
  );
}

/** Sounds and subtitles of a recording; absent where there is nothing to choose. */
export function TrackMenu({ tracks }: { tracks: Tracks }) {
  const { sounds, sound, subtitles, subtitle } = useStore(tracks.view);
  const { open, setOpen, close, root, onKeyDown } = useMenu();
  if (sounds.length < 2 && subtitles.length === 0) return null;
  const choose = (deed: () => void) => () => {
    deed();
    close();
  };
  return (
    <div className="quality" ref={root} onKeyDown={onKeyDown}>
      <button type="button" className="control quality-button" data-testid="tracks-button" aria-haspopup="menu" aria-expanded={open} aria-label="Sound and subtitles" title="Sound and subtitles" onClick={() => setOpen(!open)}>
        <Glyph name="captions" />
      </button>
      {open && (
        <div className="menu" role="menu" aria-label="Sound and subtitles">
          {sounds.length > 1 && <div role="group" aria-label="Sound">
            <div className="menu-title" aria-hidden="true">Sound</div>
            {sounds.map((one) => <Option key={one.index} label={one.name} detail="" value={`sound-${one.index}`} checked={one.index === sound} onChoose={choose(() => tracks.chooseSound(one.index))} />)}
          </div>}
          {subtitles.length > 0 && <div role="group" aria-label="Subtitles">
            <div className="menu-title" aria-hidden="true">Subtitles</div>
            <Option label="Off" detail="" value="subtitles-off" checked={subtitle < 0} onChoose={choose(() => tracks.chooseSubtitles(-1))} />
            {subtitles.map((one) => <Option key={one.index} label={one.name} detail="" value={`subtitles-${one.index}`} checked={one.index === subtitle} onChoose={choose(() => tracks.chooseSubtitles(one.index))} />)}
          </div>}
        </div>
      )}
    </div>
  );
}

interface OptionProps {
  label: string;
  detail: string;
  value: string;
  checked: boolean;
  onChoose: () => void;
}

function Option({ label, detail, value, checked, onChoose }: OptionProps) {
  return (
    <button type="button" role="menuitemradio" aria-checked={checked} className="menu-item" data-testid="quality-option" data-height={value} onClick={onChoose}>
      <span className="menu-mark">{checked && <Glyph name="done" />}</span>
      {label}
      {detail && <span className="menu-detail">{detail}</span>}
    </button>
  );
}

function moveFocus(root: HTMLElement | null, step: number): void {
  const items = [...(root?.querySelectorAll<HTMLElement>('[role="menuitemradio"]') ?? [])];
  const at = items.indexOf(document.activeElement as HTMLElement);
  items.at((at + step) % items.length)?.focus();
}

function useOutsideClick(root: RefObject<HTMLElement | null>, active: boolean, close: () => void): void {
  useEffect(() => {
    if (!active) return;
    const onPointerDown = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) close();
    };
    document.addEventListener('pointerdown', onPointerDown);
    return () => document.removeEventListener('pointerdown', onPointerDown);
  });
}
