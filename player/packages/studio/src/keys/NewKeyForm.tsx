import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { SelectField, TextField } from '@weir/kit/Field.tsx';
import { Card } from '@weir/kit/Layout.tsx';
import type { KeyWishes } from '../api';
import { useAction } from '../common/useAction';
import { SCOPES } from './scopes';

const DAY_MS = 86_400_000;

/** A key, what it may do and how long. */
export function NewKeyForm({ onCreate }: { onCreate: (wishes: KeyWishes) => Promise<void> }) {
  const { t, i18n } = useLingui();
  const { busy, error, run } = useAction();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set());
  const [days, setDays] = useState(0);
  const lives = [[0, t`Never`], [30, t`In 30 days`], [90, t`In 90 days`], [365, t`In a year`]] as const;
  const toggle = (scope: string) => setScopes((held) => new Set(held.has(scope) ? [...held].filter((one) => one !== scope) : [...held, scope]));
  const submit = () => {
    const expires = days === 0 ? {} : { expires: new Date(Date.now() + days * DAY_MS).toISOString() };
    run(async () => {
      await onCreate({ name: name.trim(), scopes: [...scopes], ...expires });
      setName('');
      setScopes(new Set());
    });
  };
  return (
    <form aria-label={t`New key`} onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <Card title={t`New key`}>
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField label={t`Name`} name="name" required maxLength={80} placeholder={t`What will use it`} value={name} onChange={({ target }) => setName(target.value)} />
          <SelectField label={t`Expires`} name="expires" value={days} onChange={({ target }) => setDays(Number(target.value))}>
            {lives.map(([count, words]) => <option key={count} value={count}>{words}</option>)}
          </SelectField>
        </div>
        <fieldset className="grid min-w-0 gap-x-4 gap-y-1 sm:grid-cols-2 lg:grid-cols-3">
          <legend className="mb-1.5 text-[13px] font-semibold">{t`Permissions`}</legend>
          {SCOPES.map(({ scope, words }) => (
            <label key={scope} className="tap flex min-h-8 items-center gap-2.5"><input type="checkbox" className="size-4.5 shrink-0 accent-accent" name={scope} checked={scopes.has(scope)} onChange={() => toggle(scope)} />{i18n._(words)}</label>
          ))}
        </fieldset>
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" look="primary" busy={busy} disabled={scopes.size === 0} data-testid="create-key">{t`Create the key`}</Button>
          {scopes.size === 0 && <span className="text-sm text-soft">{t`Choose what it may do.`}</span>}
          {error !== null && <span className="text-warn" role="alert">{error}</span>}
        </div>
      </Card>
    </form>
  );
}
