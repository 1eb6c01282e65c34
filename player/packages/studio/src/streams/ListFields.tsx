import { useLingui } from '@lingui/react/macro';
import { Plus, Trash2 } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { Button, IconButton } from '@weir/kit/Button.tsx';
import type { Announced, Link } from './api';
import { localMoment, momentOf } from './settings';

const MOST_LINKS = 8;
const MOST_ANNOUNCED = 20;
const MOST_PAIRS = 50;

function Rows({ label, hint, count, most, add, onAdd, children }: { label: string; hint?: string; count: number; most: number; add: string; onAdd: () => void; children: ReactNode }) {
  return (
    <fieldset className="grid min-w-0 gap-2">
      <legend className="mb-1.5 text-[13px] font-semibold">{label}</legend>
      {children}
      {hint !== undefined && <small className="text-[13px] text-soft">{hint}</small>}
      {count < most && <Button size="small" icon={Plus} className="justify-self-start" onClick={onAdd}>{add}</Button>}
    </fieldset>
  );
}

function Row({ remove, onRemove, children }: { remove: string; onRemove: () => void; children: ReactNode }) {
  return <div className="flex flex-wrap items-center gap-2 sm:flex-nowrap">{children}<IconButton label={remove} icon={Trash2} onClick={onRemove} /></div>;
}

const replaced = <T,>(list: readonly T[], index: number, value: T): T[] => list.map((one, at) => (at === index ? value : one));
const without = <T,>(list: readonly T[], index: number): T[] => list.filter((_, at) => at !== index);

export function LinksField({ value, onChange }: { value: readonly Link[]; onChange: (value: Link[]) => void }) {
  const { t } = useLingui();
  return (
    <Rows label={t`Links`} count={value.length} most={MOST_LINKS} add={t`Add a link`} onAdd={() => onChange([...value, { label: '', url: '' }])}>
      {value.map((link, index) => (
        <Row key={index} remove={t`Remove the link`} onRemove={() => onChange(without(value, index))}>
          <input className="entry sm:w-44!" aria-label={t`Name of the link`} placeholder={t`e.g. Instagram`} required maxLength={40} value={link.label} onChange={({ target }) => onChange(replaced(value, index, { ...link, label: target.value }))} />
          <input className="entry min-w-0 flex-1" type="url" dir="ltr" aria-label={t`Address of the link`} placeholder="https://…" required maxLength={500} value={link.url} onChange={({ target }) => onChange(replaced(value, index, { ...link, url: target.value }))} />
        </Row>
      ))}
    </Rows>
  );
}

export function ScheduleField({ value, onChange }: { value: readonly Announced[]; onChange: (value: Announced[]) => void }) {
  const { t } = useLingui();
  const tomorrow = () => {
    const moment = new Date(Date.now() + 86_400_000);
    moment.setMinutes(0, 0, 0);
    return moment.toISOString();
  };
  return (
    <Rows label={t`Announced broadcasts`} count={value.length} most={MOST_ANNOUNCED} add={t`Announce a broadcast`} onAdd={() => onChange([...value, { starts_at: tomorrow(), title: '' }])}>
      {value.map((one, index) => (
        <Row key={index} remove={t`Remove the announcement`} onRemove={() => onChange(without(value, index))}>
          <input className="entry sm:w-56!" type="datetime-local" aria-label={t`Starts at`} required value={localMoment(one.starts_at)} onChange={({ target }) => onChange(replaced(value, index, { ...one, starts_at: momentOf(target.value) }))} />
          <input className="entry min-w-0 flex-1" aria-label={t`Title of the broadcast`} placeholder={t`Title`} maxLength={140} value={one.title} onChange={({ target }) => onChange(replaced(value, index, { ...one, title: target.value }))} />
        </Row>
      ))}
    </Rows>
  );
}

/** Names and values. While two rows have one name the last one counts. */
export function PairsField({ label, hint, value, onChange }: { label: string; hint: string; value: Readonly<Record<string, string>>; onChange: (value: Record<string, string>) => void }) {
  const { t } = useLingui();
  const [rows, setRows] = useState<readonly (readonly [string, string])[]>(() => Object.entries(value));
  const [shown, setShown] = useState(value);
  if (shown !== value && JSON.stringify(value) !== JSON.stringify(pairs(rows))) {
    setShown(value);
    setRows(Object.entries(value));
  }
  const change = (next: readonly (readonly [string, string])[]) => {
    setRows(next);
    onChange(pairs(next));
  };
  return (
    <Rows label={label} hint={hint} count={rows.length} most={MOST_PAIRS} add={t`Add a value`} onAdd={() => setRows([...rows, ['', '']])}>
      {rows.map(([name, text], index) => (
        <Row key={index} remove={t`Remove the value`} onRemove={() => change(without(rows, index))}>
          <input className="entry font-mono text-[13px] sm:w-44!" dir="ltr" aria-label={t`Name`} maxLength={40} value={name} onChange={({ target }) => change(replaced(rows, index, [target.value, text] as const))} />
          <input className="entry min-w-0 flex-1" dir="auto" aria-label={t`Value`} maxLength={500} value={text} onChange={({ target }) => change(replaced(rows, index, [name, target.value] as const))} />
        </Row>
      ))}
    </Rows>
  );
}

function pairs(rows: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(rows.filter(([name]) => name !== ''));
}
