import { msg, plural, t } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import { useLingui } from '@lingui/react/macro';
import { useCallback, useState } from 'react';
import { secondText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { CodeBlock } from '../common/CodeBlock';
import { Choice } from '../common/fields';
import { prettyJson } from '../json';
import { Pill, type Tone } from '../common/Pill';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';
import { webhooks, type Delivery, type DeliveryFilter, type DeliveryState, type EventKind, type Webhook } from './api';
import { AttemptDetails } from './AttemptDetails';
import { msText } from './health';

const POLL_MS = 4_000;
const STATES: Record<DeliveryState, { words: MessageDescriptor; tone: Tone }> = {
  delivered: { words: msg`Delivered`, tone: 'good' },
  pending: { words: msg`Waiting`, tone: 'busy' },
  failed: { words: msg`Failed`, tone: 'bad' },
};
const EVERY: DeliveryFilter = { state: '', type: '' };

interface Props {
  ask: AskAsApp;
  changes: boolean;
  hook: Webhook;
  kinds: readonly EventKind[];
}

/** What was sent, newest first. Filters begin the list anew. */
export function Deliveries({ ask, changes, hook, kinds }: Props) {
  const { t, i18n } = useLingui();
  const [filter, setFilter] = useState(EVERY);
  return (
    <div className="box" data-testid="deliveries">
      <h2>{t`Deliveries`}</h2>
      <div className="three">
        <Choice label={t`State`} name="delivery-state" value={filter.state} onChange={(state) => setFilter({ ...filter, state: state as DeliveryFilter['state'] })}>
          <option value="">{t`Every state`}</option>
          {Object.entries(STATES).map(([state, { words }]) => <option key={state} value={state}>{i18n._(words)}</option>)}
        </Choice>
        <Choice label={t`Type`} name="delivery-type" value={filter.type} onChange={(type) => setFilter({ ...filter, type })}>
          <option value="">{t`Every type`}</option>
          {typesOf(hook, kinds).map((type) => <option key={type} value={type}>{type}</option>)}
        </Choice>
      </div>
      <DeliveryList key={`${filter.state} ${filter.type}`} ask={ask} changes={changes} id={hook.id} filter={filter} />
    </div>
  );
}

function typesOf(hook: Webhook, kinds: readonly EventKind[]): string[] {
  const named = hook.types.filter((type) => !type.endsWith('*'));
  return [...new Set([...named, ...kinds.map(({ type }) => type), ...(hook.batch === null ? [] : ['webhook.batch'])])];
}

/** One page at a time, so that all that is shown is read again every few seconds. */
function DeliveryList({ ask, changes, id, filter }: { ask: AskAsApp; changes: boolean; id: string; filter: DeliveryFilter }) {
  const { t } = useLingui();
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const cursor = cursors.at(-1) ?? null;
  const { value: page, error, refresh } = useQuery(useCallback(() => ask(webhooks.deliveries, id, filter, cursor), [ask, id, filter, cursor]), POLL_MS);
  if (page === null) return error === null ? <p className="soft" role="status">{t`Loading …`}</p> : <p className="error" role="alert">{error}</p>;
  const { data, next_cursor: next } = page;
  return (
    <>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {data.length === 0 && <p className="soft">{filter === EVERY ? t`Nothing has been sent yet. The first event that matches appears here.` : t`No delivery is of this state and type.`}</p>}
      <ul className="rows">{data.map((one) => <DeliveryRow key={one.id} ask={ask} changes={changes} delivery={one} onChanged={refresh} />)}</ul>
      {(cursor !== null || next !== null) && (
        <div className="form-end">
          <button type="button" className="small-button plain" disabled={cursor === null} onClick={() => setCursors(cursors.slice(0, -1))}>{t`Newer`}</button>
          <button type="button" className="small-button plain" disabled={next === null} onClick={() => setCursors([...cursors, ...(next === null ? [] : [next])])}>{t`Older`}</button>
        </div>
      )}
    </>
  );
}

interface RowProps {
  ask: AskAsApp;
  changes: boolean;
  delivery: Delivery;
  onChanged: () => Promise<void>;
}

function DeliveryRow({ ask, changes, delivery, onChanged }: RowProps) {
  const { i18n } = useLingui();
  const [open, setOpen] = useState(false);
  const { words, tone } = STATES[delivery.state];
  const close = () => setOpen(false);
  return (
    <li className="delivery" data-testid="delivery" data-state={delivery.state} onKeyDown={(event) => { if (event.key === 'Escape') close(); }}>
      <button type="button" className="delivery-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="delivery-type mono">{delivery.type}{delivery.events > 1 && ` (${plural(delivery.events, { one: '# event', other: '# events' })})`}</span>
        <Pill tone={tone} words={i18n._(words)} />
        <span className="soft delivery-facts">{secondText(delivery.created)} · {factsOf(delivery)}</span>
      </button>
      {open && <DeliveryBody ask={ask} changes={changes} delivery={delivery} onChanged={onChanged} />}
    </li>
  );
}

function factsOf({ state, tries, last_status, last_error, latency_ms, next_attempt }: Delivery): string {
  if (tries === 0 && last_status === null) return t`not tried yet`;
  const answer = last_status === null || last_status === 0 ? last_error ?? t`no answer` : t`${last_status} in ${msText(latency_ms)}`;
  return [answer, tries > 1 ? plural(tries, { one: '# attempt', other: '# attempts' }) : '', state === 'pending' && next_attempt !== null ? t`next ${secondText(next_attempt)}` : ''].filter((one) => one !== '').join(' · ');
}

/** Body and attempts, read again when the delivery in the list has changed. */
function DeliveryBody({ ask, changes, delivery, onChanged }: RowProps) {
  const { t } = useLingui();
  const { id, tries, state } = delivery;
  // eslint-disable-next-line react-hooks/exhaustive-deps -- a further attempt makes it another question
  const { value, error: unread, refresh } = useQuery(useCallback(() => ask(webhooks.delivery, id), [ask, id, tries, state]));
  const [again, setAgain] = useState(false);
  const { busy, error, run } = useAction();
  const send = () => run(async () => {
    setAgain(false);
    await ask(webhooks.sendAgain, id);
    await Promise.all([refresh(), onChanged()]);
    setAgain(true);
  });
  if (value === null) return unread === null ? <p className="soft" role="status">{t`Loading …`}</p> : <p className="error" role="alert">{unread}</p>;
  return (
    <div className="delivery-body">
      <dl className="pairs"><div><dt>{t`Event`}</dt><dd className="mono">{value.event}</dd></div><div><dt>{t`Delivery`}</dt><dd className="mono">{value.id}</dd></div></dl>
      <CodeBlock label={t`Body`} text={prettyJson(value.body)} testId="delivery-body" />
      <h3>{value.attempts.length === 0 ? t`No attempts yet` : t`Attempts`}</h3>
      {value.attempts.toReversed().map((attempt) => <AttemptDetails key={attempt.at} attempt={attempt} />)}
      {/* A disabled button would lose the focus, and Escape with it. */}
      {changes && (
        <div className="form-end">
          <button type="button" className="small-button plain" data-testid="send-again" aria-disabled={busy} onClick={() => { if (!busy) send(); }}>{t`Send again`}</button>
          <span role="status" className="soft">{again ? t`It is sent again under the same event id.` : ''}</span>
          {error !== null && <span className="error" role="alert">{error}</span>}
        </div>
      )}
    </div>
  );
}
