import { Trans, useLingui } from '@lingui/react/macro';
import { valibotResolver } from '@hookform/resolvers/valibot';
import { useQueryClient } from '@tanstack/react-query';
import { Globe, Lock, Zap, Signal, type LucideIcon } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { useForm, type UseFormRegisterReturn } from 'react-hook-form';
import * as v from 'valibot';
import { Link, useLocation } from 'wouter';
import { wordsOf } from '@weir/client/http.ts';
import { Button, buttonClass } from '@weir/kit/Button.tsx';
import { TextArea, TextField } from '@weir/kit/Field.tsx';
import { Card, Page } from '@weir/kit/Layout.tsx';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import { streamApi } from './api';

const SHAPE = v.object({
  title: v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(140)),
  description: v.pipe(v.string(), v.maxLength(2000)),
  visibility: v.picklist(['public', 'signed']),
  latency: v.picklist(['low', 'normal', 'standard']),
  recording: v.boolean(),
});
type Fields = v.InferOutput<typeof SHAPE>;

/** Three questions, sensible answers given; everything else can be changed later. */
export function NewStreamPage() {
  const { t } = useLingui();
  usePageTitle(t`New stream`);
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const [, go] = useLocation();
  const [refused, setRefused] = useState<string | null>(null);
  const { register, handleSubmit, formState: { errors, isSubmitting } } = useForm<Fields>({
    resolver: valibotResolver(SHAPE), defaultValues: { title: '', description: '', visibility: 'public', latency: 'low', recording: true },
  });
  const create = async (fields: Fields) => {
    setRefused(null);
    try {
      const made = await askAs(streamApi.create, fields);
      await known.invalidateQueries({ queryKey: [app.id, 'streams'] });
      go(`/streams/${made.id}`);
    } catch (error) {
      setRefused(wordsOf(error));
    }
  };
  return (
    <Page title={<Trans>New stream</Trans>} back={<Link href="/streams" className="text-sm text-soft"><Trans>Streams</Trans></Link>}>
      <form className="grid max-w-2xl gap-6" noValidate onSubmit={(event) => void handleSubmit(create)(event)}>
        <Card title={t`What is it?`}>
          <TextField label={t`Title`} maxLength={140} autoFocus data-testid="new-stream-title" error={errors.title === undefined ? undefined : t`A title of at most 140 characters, please.`} {...register('title')} />
          <TextArea label={t`Description`} hint={t`Viewers read it below the picture. **Bold**, lists and links work.`} rows={3} maxLength={2000} {...register('description')} />
        </Card>
        <Card title={t`Who may watch?`}>
          <Choices>
            <Choice icon={Globe} title={t`Everybody`} text={t`Whoever has the address.`} value="public" field={register('visibility')} />
            <Choice icon={Lock} title={t`With a signed link`} text={t`Your app, or this studio, makes a link for each viewer.`} value="signed" field={register('visibility')} />
          </Choices>
        </Card>
        <Card title={t`How close to live?`}>
          <Choices>
            <Choice icon={Zap} title={t`Low latency`} text={t`About a second behind. For chat and games.`} value="low" field={register('latency')} />
            <Choice icon={Signal} title={t`Steady`} text={t`Some seconds behind, and smoother on weak connections.`} value="standard" field={register('latency')} />
          </Choices>
          <label className="flex items-center gap-2.5"><input type="checkbox" className="size-4.5 accent-accent" {...register('recording')} /><Trans>Record every broadcast</Trans></label>
        </Card>
        {refused !== null && <p className="text-warn" role="alert">{refused}</p>}
        <div className="flex gap-2">
          <Button type="submit" look="primary" busy={isSubmitting} data-testid="create-stream"><Trans>Create the stream</Trans></Button>
          <Link href="/streams" className={buttonClass('quiet')}><Trans>Cancel</Trans></Link>
        </div>
      </form>
    </Page>
  );
}

function Choices({ children }: { children: ReactNode }) {
  return <div className="grid gap-3 sm:grid-cols-2">{children}</div>;
}

function Choice({ icon: Icon, title, text, value, field }: { icon: LucideIcon; title: string; text: string; value: string; field: UseFormRegisterReturn }) {
  return (
    <label className="flex cursor-pointer items-start gap-3 rounded-card border border-line p-3.5 has-checked:border-accent has-checked:bg-accent/8 has-focus-visible:outline-2 has-focus-visible:outline-accent">
      <input type="radio" value={value} className="sr-only" {...field} />
      <Icon size={18} className="mt-0.5 shrink-0 text-accent" aria-hidden />
      <span className="grid gap-0.5"><span className="font-semibold">{title}</span><span className="text-sm text-soft">{text}</span></span>
    </label>
  );
}
