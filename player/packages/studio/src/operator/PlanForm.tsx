import { Trans, useLingui } from '@lingui/react/macro';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { SelectField, SwitchField, TextField } from '@weir/kit/Field.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useAction } from '../common/useAction';
import type { Studio } from '../shell/Studio';
import { localMoment, momentOf } from '../streams/settings';
import { operator, PLANS, type Feature, type OperatorApp, type Plan, type PlanChange } from './api';
import { FEATURES, PLAN_WORDS } from './words';

const TRIAL_MS = 14 * 86_400_000;

interface Draft {
  plan: string;
  trial: string;
  until: string;
  features: Record<Feature, boolean>;
}

/** An app's plan, a plan that it may try out, and the features it has. */
export function PlanForm({ studio, app, onDone }: { studio: Studio; app: OperatorApp; onDone: () => void }) {
  const { t, i18n } = useLingui();
  const known = useQueryClient();
  const say = useToast();
  const [draft, setDraft] = useState<Draft>(() => ({ plan: app.plan ?? '', trial: app.trial?.plan ?? '', until: localMoment(app.trial?.until ?? new Date(Date.now() + TRIAL_MS).toISOString()), features: app.features }));
  const { busy, error, run } = useAction();
  const set = (part: Partial<Draft>) => setDraft({ ...draft, ...part });
  const save = () => run(async () => {
    await operator.change(await studio.signIn.token(), app.id, changeOf(app, draft));
    await Promise.all([known.invalidateQueries({ queryKey: ['operator'] }), studio.reload()]);
    say.done(t`The plan is changed.`);
    onDone();
  });
  const plans = PLANS.map((one) => <option key={one} value={one}>{PLAN_WORDS[one] === undefined ? one : i18n._(PLAN_WORDS[one])}</option>);
  return (
    <form className="grid gap-4" aria-label={t`Plan`} onSubmit={(event) => { event.preventDefault(); save(); }}>
      <SelectField label={t`Plan`} name="plan" value={draft.plan} onChange={({ target }) => set({ plan: target.value })}>
        {app.plan === null && <option value="">{t`No plan`}</option>}
        {plans}
      </SelectField>
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField label={t`Trial of`} name="trial" value={draft.trial} onChange={({ target }) => set({ trial: target.value })}><option value="">{t`Nothing`}</option>{plans}</SelectField>
        {draft.trial !== '' && <TextField label={t`Until`} name="trial-until" type="datetime-local" required value={draft.until} onChange={({ target }) => set({ until: target.value })} />}
      </div>
      <fieldset className="grid gap-3">
        <legend className="mb-1.5 text-[13px] font-semibold"><Trans>Features</Trans></legend>
        {(['analytics', 'branding'] as const).map((one) => <SwitchField key={one} label={i18n._(FEATURES[one])} checked={draft.features[one]} onChange={(on) => set({ features: { ...draft.features, [one]: on } })} />)}
        <p className="text-[13px] text-soft"><Trans>One that is changed here stays so, whatever the plan says.</Trans></p>
      </fieldset>
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-end" data-testid="save-plan">{t`Save`}</Button>
    </form>
  );
}

/** Only what differs is sent. */
function changeOf(app: OperatorApp, { plan, trial, until, features }: Draft): PlanChange {
  const wished = trial === '' ? null : { plan: trial as Plan, until: momentOf(until) };
  const same = wished === null ? app.trial === null : app.trial !== null && app.trial.plan === wished.plan && localMoment(app.trial.until) === until;
  const changed = (['analytics', 'branding'] as const).filter((one) => features[one] !== app.features[one]);
  return {
    ...(plan === (app.plan ?? '') ? {} : { plan: plan as Plan }),
    ...(same ? {} : { trial: wished }),
    ...(changed.length === 0 ? {} : { features: Object.fromEntries(changed.map((one) => [one, features[one]])) }),
  };
}
