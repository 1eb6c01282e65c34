import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Check, Circle } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Card } from '@weir/kit/Layout.tsx';
import { team, type Usage } from '../api';
import { useApp } from '../shell/AppContext';
import type { FullStream } from '../streams/api';

interface Step {
  id: string;
  done: boolean;
  title: string;
  text: ReactNode;
}

/** The first day's steps, each ticked by what has really happened. It leaves when all are done. */
export function Checklist({ streams, usage }: { streams: readonly FullStream[]; usage: Usage | undefined }) {
  const { app, ask, can } = useApp();
  const invites = can('admin');
  const { data: people } = useQuery({
    queryKey: [app.id, 'people'],
    queryFn: async () => (await ask(team.members)).length + (await ask(team.invitations)).length,
    enabled: invites,
  });
  if (!can('editor') || usage === undefined || (invites && people === undefined)) return null;
  return <Steps streams={streams} usage={usage} people={people ?? null} />;
}

/** `people`: members and open invitations; null for those who may invite nobody. */
function Steps({ streams, usage, people }: { streams: readonly FullStream[]; usage: Usage; people: number | null }) {
  const { t } = useLingui();
  const newest = streams[0];
  const place = newest === undefined ? '/streams/new' : `/streams/${newest.id}`;
  const steps: Step[] = [
    { id: 'stream', done: newest !== undefined, title: t`Create a stream`, text: <Trans>It has a key for your encoder and a page for viewers. <Link href="/streams/new">New stream</Link></Trans> },
    { id: 'publish', done: streams.some(({ broadcast }) => broadcast !== null), title: t`Publish from OBS`, text: <Trans>Copy the server and the key into OBS. <Link href={place}>Open the stream</Link></Trans> },
    { id: 'watch', done: usage.viewers > 0, title: t`Watch it`, text: newest === undefined ? <Trans>Each stream has a page of its own.</Trans> : <Trans>Open the <a href={`/watch/${newest.playback_id}`} target="_blank" rel="noopener">watch page</a>, here or on a phone.</Trans> },
    { id: 'chat', done: usage.messages > 0, title: t`Say something in the chat`, text: <Trans>Type a message beside the picture; type / to see the commands.</Trans> },
    ...(people === null ? [] : [{ id: 'invite', done: people > 1, title: t`Invite somebody`, text: <Trans>Colleagues get a role that fits them. <Link href="/team">Team</Link></Trans> }]),
  ];
  const done = steps.filter((step) => step.done).length;
  if (done === steps.length) return null;
  return (
    <Card title={t`Getting started`} lead={t`${done} of ${steps.length} done`} data-testid="checklist">
      <div className="h-1.5 overflow-hidden rounded-full bg-raised" aria-hidden><div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${(done / steps.length) * 100}%` }} /></div>
      <ol className="grid gap-3 sm:grid-cols-2 xl:grid-cols-5">
        {steps.map((step) => (
          <li key={step.id} className="flex items-start gap-2.5" data-testid={`step-${step.id}`} data-done={step.done}>
            {step.done ? <Check size={18} className="mt-0.5 shrink-0 text-ok" aria-label={t`Done`} /> : <Circle size={18} className="mt-0.5 shrink-0 text-soft" aria-label={t`To do`} />}
            <span className="grid gap-0.5"><span className={step.done ? 'text-soft' : 'font-semibold'}>{step.title}</span>{!step.done && <span className="text-sm text-soft">{step.text}</span>}</span>
          </li>
        ))}
      </ol>
    </Card>
  );
}
