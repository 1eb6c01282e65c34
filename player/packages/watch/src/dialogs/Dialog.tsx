import { useId, useLayoutEffect, useRef, type MouseEvent, type ReactNode } from 'react';
import { useLingui } from '@lingui/react/macro';
import { Glyph } from '@weir/ui/icons.tsx';
import './dialogs.css';

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** A modal dialog: the browser keeps the focus in it, closes it on Escape and gives the focus back. */
export function Dialog({ title, onClose, children }: Props) {
  const { t } = useLingui();
  const box = useRef<HTMLDialogElement>(null);
  const name = useId();
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  const onClick = (event: MouseEvent) => {
    if (event.target === box.current) onClose(); // beside it
  };
  return (
    <dialog ref={box} className="dialog" aria-labelledby={name} onClose={onClose} onClick={onClick}>
      <div className="dialog-body">
        <header className="dialog-head">
          <h2 id={name}>{title}</h2>
          <button type="button" className="dialog-close" aria-label={t`Close`} onClick={onClose}><Glyph name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
