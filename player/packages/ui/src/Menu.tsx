import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode, type RefObject } from 'react';
import { Glyph } from './icons';

/** Whether the menu is open, and its keys: Escape closes it, the arrows move in it. */
export function useMenu() {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useOutsideClick(root, open, () => setOpen(false));
  useEffect(() => {
    if (open) focusIn(root.current);
  }, [open]);

  const close = () => {
    setOpen(false);
    root.current?.querySelector('button')?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    event.stopPropagation();
    if (event.key === 'Escape') close();
    const goal = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    moveFocus(root.current, goal);
  };
  return { open, setOpen, close, root, onKeyDown };
}

interface OptionProps {
  label: string;
  detail?: string;
  value: string;
  checked: boolean;
  /** It stands for itself, not for one of several. */
  alone?: boolean;
  onChoose: () => void;
}

export function Option({ label, detail = '', value, checked, alone = false, onChoose }: OptionProps) {
  return (
    <button type="button" role={alone ? 'menuitemcheckbox' : 'menuitemradio'} aria-checked={checked} className="menu-item" data-testid="quality-option" data-height={value} onClick={onChoose}>
      <span className="menu-mark">{checked && <Glyph name="done" />}</span>
      <bdi>{label}</bdi>
      {detail && <span className="menu-detail">{detail}</span>}
    </button>
  );
}

interface EntryProps {
  name: string;
  label: string;
  detail?: ReactNode;
  className?: string;
  onChoose: () => void;
}

/** Leads somewhere else. */
export function Entry({ name, label, detail, className = '', onChoose }: EntryProps) {
  return (
    <button type="button" role="menuitem" className={`menu-item ${className}`} data-testid={`settings-${name}`} onClick={onChoose}>
      <span className="menu-mark" />
      {label}
      <span className="menu-detail">{detail}</span>
    </button>
  );
}

const ITEMS = '[role^="menuitem"]';

/** On what is chosen, else on the first. */
export function focusIn(root: HTMLElement | null): void {
  (root?.querySelector<HTMLElement>('[role="menuitemradio"][aria-checked="true"]') ?? root?.querySelector<HTMLElement>(ITEMS))?.focus();
}

function moveFocus(root: HTMLElement | null, step: number): void {
  const items = [...(root?.querySelectorAll<HTMLElement>(ITEMS) ?? [])].filter((one) => one.offsetParent !== null);
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
