import { Dialog as Base } from '@base-ui/react/dialog';
import { Trans, useLingui } from '@lingui/react/macro';
import { X } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { wordsOf } from '@weir/client/http.ts';
import { Button, IconButton } from './Button';

interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** Below the title: what it is for. */
  lead?: ReactNode;
  wide?: boolean;
  children: ReactNode;
}

/** Over the page; the focus stays in it and returns, Escape and a click beside it close it. */
export function Dialog({ open, onClose, title, lead, wide = false, children }: DialogProps) {
  const { t } = useLingui();
  return (
    <Base.Root open={open} onOpenChange={(next) => { if (!next) onClose(); }}>
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-40 bg-black/50 transition-opacity data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Base.Popup className={`popup fixed inset-x-3 top-[8dvh] z-50 mx-auto flex max-h-[84dvh] flex-col rounded-card ${wide ? 'max-w-2xl' : 'max-w-md'}`}>
          <header className="flex items-start gap-3 px-5 pt-5">
            <div className="grid min-w-0 flex-1 gap-1">
              <Base.Title className="text-lg font-bold [overflow-wrap:anywhere]">{title}</Base.Title>
              {lead !== undefined && <Base.Description className="text-sm text-soft">{lead}</Base.Description>}
            </div>
            <Base.Close render={<IconButton label={t`Close`} icon={X} className="-me-2 -mt-1" />} />
          </header>
          <div className="grid min-h-0 gap-4 overflow-y-auto px-5 pt-4 pb-5">{children}</div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** What is lost by it. */
  children: ReactNode;
  /** What the button says. */
  action: string;
  /** Has to be typed before, e.g. the name of what is deleted. */
  typed?: string;
  /** Closes when it is done; a failure is shown and the dialog stays. */
  onConfirm: () => Promise<void>;
}

/** Before something that can't be undone. */
export function ConfirmDialog({ open, onClose, title, children, action, typed, onConfirm }: ConfirmProps) {
  const { t } = useLingui();
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const close = () => {
    setText('');
    setError(null);
    onClose();
  };
  const confirm = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      close();
    } catch (problem) {
      setError(wordsOf(problem));
    }
    setBusy(false);
  };
  const ready = typed === undefined || text.trim() === typed.trim();
  return (
    <Dialog open={open} onClose={close} title={title}>
      <form className="grid gap-4" onSubmit={(event) => { event.preventDefault(); if (ready) void confirm(); }}>
        <div className="text-soft">{children}</div>
        {typed !== undefined && (
          <label className="grid gap-1.5 text-sm">
            <span><Trans>Type <b className="text-ink [overflow-wrap:anywhere]">{typed}</b> to confirm</Trans></span>
            <input className="entry" autoComplete="off" spellCheck={false} data-testid="confirm-typed" value={text} onChange={(event) => setText(event.target.value)} />
          </label>
        )}
        {error !== null && <p className="text-warn" role="alert">{error}</p>}
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={close} data-testid="confirm-no">{t`Cancel`}</Button>
          <Button type="submit" look="danger" busy={busy} disabled={!ready} data-testid="confirm-yes">{action}</Button>
        </div>
      </form>
    </Dialog>
  );
}
