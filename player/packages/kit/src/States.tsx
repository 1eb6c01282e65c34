import { Trans, useLingui } from '@lingui/react/macro';
import { CircleAlert, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { wordsOf } from '@weir/client/http.ts';
import { Button } from './Button';

interface EmptyProps {
  icon: LucideIcon;
  title: ReactNode;
  /** What it is and how the first one comes to be. */
  children?: ReactNode;
  action?: ReactNode;
}

/** A list without entries teaches what belongs there. */
export function EmptyState({ icon: Icon, title, children, action }: EmptyProps) {
  return (
    <div className="grid justify-items-center gap-3 rounded-card border border-dashed border-line px-5 py-12 text-center" data-testid="empty">
      <span className="grid size-12 place-items-center rounded-full bg-raised text-soft"><Icon size={22} aria-hidden /></span>
      <h2 className="text-base font-semibold">{title}</h2>
      {children !== undefined && <div className="max-w-prose text-sm text-soft">{children}</div>}
      {action}
    </div>
  );
}

/** What could not be read, in words, and a way to try again. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return (
    <div className="flex flex-wrap items-center gap-3 rounded-card border border-line bg-surface px-4 py-3" role="alert">
      <CircleAlert size={18} className="shrink-0 text-warn" aria-hidden />
      <span className="min-w-0 flex-1 [overflow-wrap:anywhere]">{wordsOf(error)}</span>
      <Button size="small" onClick={onRetry}><Trans>Try again</Trans></Button>
    </div>
  );
}

/** In the place of rows that are being read. */
export function Skeleton({ rows = 4, height = 44 }: { rows?: number; height?: number }) {
  const { t } = useLingui();
  return (
    <div className="grid gap-2" role="status" aria-label={t`Loading`}>
      {Array.from({ length: rows }, (_, index) => <div key={index} className="skeleton" style={{ height }} />)}
    </div>
  );
}
