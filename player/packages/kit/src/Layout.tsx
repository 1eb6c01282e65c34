import type { ReactNode } from 'react';

interface PageProps {
  title: ReactNode;
  lead?: ReactNode;
  /** Above the title: the way back. */
  back?: ReactNode;
  /** At the end of the title's line. */
  actions?: ReactNode;
  children: ReactNode;
}

/** One page of the studio: all begin at the same line and edge. */
export function Page({ title, lead, back, actions, children }: PageProps) {
  return (
    <div className="mx-auto grid w-full max-w-6xl grid-cols-[minmax(0,1fr)] content-start gap-6 px-4 py-6 sm:px-8 sm:py-8">
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="grid min-w-0 gap-1">
          {back}
          <h1 className="text-2xl font-bold tracking-tight [overflow-wrap:anywhere]"><bdi>{title}</bdi></h1>
          {lead !== undefined && <p className="max-w-prose text-soft [overflow-wrap:anywhere]">{lead}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({ title, lead, actions, children, className = '', ...rest }: { title?: ReactNode; lead?: ReactNode; actions?: ReactNode; children?: ReactNode; className?: string; 'data-testid'?: string; 'aria-label'?: string }) {
  return (
    <section className={`grid grid-cols-[minmax(0,1fr)] content-start gap-4 rounded-card border border-line bg-surface p-4 sm:p-5 ${className}`} {...rest}>
      {title !== undefined && (
        <header className="flex flex-wrap items-start justify-between gap-2">
          <div className="grid min-w-0 gap-0.5">
            <h2 className="text-base font-semibold">{title}</h2>
            {lead !== undefined && <p className="text-sm text-soft [overflow-wrap:anywhere]">{lead}</p>}
          </div>
          {actions}
        </header>
      )}
      {children}
    </section>
  );
}

/** A figure with its name. */
export function Stat({ label, value, note, testId }: { label: ReactNode; value: ReactNode; note?: ReactNode; testId?: string }) {
  return (
    <div className="grid content-start gap-0.5 rounded-card border border-line bg-surface px-4 py-3">
      <span className="text-[13px] text-soft">{label}</span>
      <span className="text-2xl font-semibold tracking-tight tabular-nums" data-testid={testId}><bdi>{value}</bdi></span>
      {note !== undefined && <span className="text-[13px] text-soft">{note}</span>}
    </div>
  );
}

export function Facts({ facts }: { facts: readonly (readonly [name: ReactNode, value: ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[minmax(0,auto)_minmax(0,1fr)] gap-x-5 gap-y-2 text-sm">
      {facts.map(([name, value], index) => (
        <div key={index} className="contents">
          <dt className="text-soft">{name}</dt>
          <dd className="min-w-0 [overflow-wrap:anywhere]">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
