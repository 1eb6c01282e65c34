import { useEffect, useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import type { Playback } from '@weir/client/playback/playback.ts';
import { useStore } from '@weir/client/observable.ts';
import { Glyph } from './icons';

/** Automatic or one height of the ladder. */
export function QualityMenu({ playback }: { playback: Playback }) {
  const { rungs, chosen, height } = useStore(playback.view);
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useOutsideClick(root, open, () => setOpen(false));
  useEffect(() => {
    if (open) root.current?.querySelector<HTMLElement>('[aria-checked="true"]')?.focus();
  }, [open]);

  const choose = (wanted: number | null) => {
    playback.choose(wanted);
    setOpen(false);
    root.current?.querySelector('button')?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    event.stopPropagation();
    if (event.key === 'Escape') {
      setOpen(false);
      root.current?.querySelector('button')?.focus();
    }
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      moveFocus(root.current, event.key === 'ArrowDown' ? 1 : -1);
    }
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
