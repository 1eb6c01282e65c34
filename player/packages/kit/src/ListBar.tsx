import { useLingui } from '@lingui/react/macro';
import { Search } from 'lucide-react';
import type { ReactNode } from 'react';

interface Props {
  /** What is searched, e.g. "Search streams". */
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Other filters, at the end. */
  children?: ReactNode;
}

/** Over a list: its search and its filters. */
export function ListBar({ label, value, onChange, children }: Props) {
  return (
    <div className="flex flex-wrap items-center gap-2" role="search">
      <div className="relative min-w-48 flex-1">
        <Search size={16} className="pointer-events-none absolute start-3 top-1/2 -translate-y-1/2 text-soft" aria-hidden />
        <input type="search" className="entry ps-9!" aria-label={label} placeholder={label} value={value} onChange={(event) => onChange(event.target.value)} />
      </div>
      {children}
    </div>
  );
}

/** One of a few, as a list that takes no room. */
export function FilterSelect({ label, value, options, onChange }: { label: string; value: string; options: readonly (readonly [value: string, words: string])[]; onChange: (value: string) => void }) {
  return (
    <select className="entry w-auto! max-w-56" aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {options.map(([id, words]) => <option key={id} value={id}>{words}</option>)}
    </select>
  );
}

/** Under a list that has more than is shown. */
export function MoreButton({ busy, onClick }: { busy: boolean; onClick: () => void }) {
  const { t } = useLingui();
  return <button type="button" className="tap mx-auto rounded-control bg-raised px-4 font-semibold" disabled={busy} data-testid="more" onClick={onClick}>{busy ? t`Loading …` : t`Show more`}</button>;
}
