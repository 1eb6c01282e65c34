import { useLingui } from '@lingui/react/macro';
import { useCallback, useState } from 'react';
import { useLocation } from 'wouter';
import '../connections.css';
import type { AskAsApp } from '../authorizedApi';
import { PageTitle } from '../common/PageTitle';
import { useItem } from '../shell/useItem';
import { useQuery } from '../common/useQuery';
import { webhooks, type EventKind, type NewWebhook } from './api';
import { EMPTY, wishOf } from './draft';
import { WebhookForm } from './WebhookForm';
import { WebhookList } from './WebhookList';
import { WebhookPanel } from './WebhookPanel';

const NEW = 'new';

interface Props {
  ask: AskAsApp;
  /** Whether the reader may change webhooks. */
  changes: boolean;
}

/** Addresses of other servers to which the app's events are sent. */
export function WebhooksPage({ ask, changes }: Props) {
  const { t } = useLingui();
  const item = useItem();
  const { value: kinds, error } = useQuery(useCallback(() => ask(webhooks.kinds), [ask]));
  const [made, setMade] = useState<NewWebhook | null>(null);
  const failed = error !== null && <p className="error" role="alert">{error}</p>;
  if (item === '') return <WebhookList ask={ask} changes={changes} />;
  if (item === NEW && changes) {
    return <section className="page" aria-label={t`New webhook`}>{failed}{kinds !== null && <NewWebhookForm ask={ask} kinds={kinds} onMade={setMade} />}</section>;
  }
  return (
    <section className="page" aria-label={t`Webhook`}>
      {failed}
      <WebhookPanel key={item} ask={ask} changes={changes} id={item} kinds={kinds ?? []} made={made?.id === item ? made : null} onCopied={() => setMade(null)} />
    </section>
  );
}

function NewWebhookForm({ ask, kinds, onMade }: { ask: AskAsApp; kinds: readonly EventKind[]; onMade: (made: NewWebhook) => void }) {
  const { t } = useLingui();
  const [, go] = useLocation();
  return (
    <>
      <header className="page-head"><PageTitle section="webhooks" back={t`Webhooks`}>{t`New webhook`}</PageTitle></header>
      <WebhookForm
        start={EMPTY} kinds={kinds} save={t`Create the webhook`} cancel="#webhooks"
        onSave={async (draft) => {
          const made = await ask(webhooks.create, wishOf(draft));
          onMade(made);
          go(`/webhooks/${made.id}`);
        }}
      />
    </>
  );
}
