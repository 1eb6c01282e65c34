import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { momentText } from '@weir/client/format.ts';
import { Button } from '@weir/kit/Button.tsx';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { SelectField, SwitchField, TextArea, TextField } from '@weir/kit/Field.tsx';
import { Card, Facts, Page } from '@weir/kit/Layout.tsx';
import { streams } from '../api';
import { CodeBlock } from '../common/CodeBlock';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import { useStreams } from '../streams/useStreams';
import { decoded } from './decode';

/** Mints tokens to try things out, and shows what a token says. */
export function TokensPage() {
  const { t } = useLingui();
  usePageTitle(t`Tokens`);
  return (
    <Page title={<Trans>Tokens</Trans>} lead={<Trans>Your servers give each viewer a token. Try it out here: make one as your server would, and look into one that does not do what it should.</Trans>}>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6 lg:grid-cols-[repeat(2,minmax(0,1fr))]">
        <Mint />
        <Decode />
      </div>
    </Page>
  );
}

function Mint() {
  const { t } = useLingui();
  const { askAs } = useApp();
  const { data } = useStreams();
  const [kind, setKind] = useState<'user' | 'playback'>('user');
  const [stream, setStream] = useState('');
  const [user, setUser] = useState('user-1');
  const [name, setName] = useState('Ada');
  const [role, setRole] = useState('member');
  const [staff, setStaff] = useState(false);
  const [made, setMade] = useState<string | null>(null);
  const { busy, error, run } = useAction();
  const list = data?.data ?? [];
  const chosen = list.find(({ id }) => id === stream) ?? list[0];
  const mint = () => run(async () => {
    if (kind === 'playback') {
      if (chosen !== undefined) setMade((await askAs(streams.playbackToken, chosen.id, 3_600)).token);
      return;
    }
    const roles = chosen === undefined || role === 'guest' ? {} : { [chosen.channel]: role as 'member' };
    setMade((await askAs(streams.userToken, { user: user.trim(), name: name.trim(), roles, staff, ttl_s: 3_600 })).token);
  });
  return (
    <Card title={t`Make a token`} lead={t`It is real and works for an hour.`}>
      <form className="grid gap-4" aria-label={t`Make a token`} onSubmit={(event) => { event.preventDefault(); mint(); }}>
        <SelectField label={t`Kind`} value={kind} onChange={({ target }) => setKind(target.value as typeof kind)}>
          <option value="user">{t`User token: who somebody is in the chat`}</option>
          <option value="playback">{t`Playback token: opens a signed stream`}</option>
        </SelectField>
        <SelectField label={t`Stream`} value={chosen?.id ?? ''} onChange={({ target }) => setStream(target.value)}>
          {list.map(({ id, title }) => <option key={id} value={id}>{title || t`Untitled stream`}</option>)}
        </SelectField>
        {kind === 'user' && (
          <>
            <div className="grid gap-4 sm:grid-cols-2">
              <TextField label={t`User id`} name="token-user" dir="ltr" required maxLength={128} value={user} onChange={({ target }) => setUser(target.value)} />
              <TextField label={t`Name`} name="token-name" maxLength={80} value={name} onChange={({ target }) => setName(target.value)} />
            </div>
            <SelectField label={t`Role in this channel`} value={role} onChange={({ target }) => setRole(target.value)}>
              <option value="guest">{t`None`}</option>
              <option value="member">{t`Member`}</option>
              <option value="vip">VIP</option>
              <option value="moderator">{t`Moderator`}</option>
              <option value="owner">{t`Owner`}</option>
            </SelectField>
            <SwitchField label={t`Staff`} hint={t`As a moderator also bans in all channels of the app.`} checked={staff} onChange={setStaff} />
          </>
        )}
        {error !== null && <p className="text-warn" role="alert">{error}</p>}
        <Button type="submit" look="primary" busy={busy} disabled={kind === 'playback' && chosen === undefined} className="justify-self-start" data-testid="mint">{t`Make the token`}</Button>
      </form>
      {made !== null && (
        <>
          <CopyField label={t`Token`} value={made} secret testId="minted" />
          {chosen !== undefined && <a className="text-sm" target="_blank" rel="noopener" href={`/watch/${chosen.playback_id}#${kind === 'user' ? 'user' : 'token'}=${made}`}>{t`Open the watch page with it`}</a>}
        </>
      )}
    </Card>
  );
}

function Decode() {
  const { t } = useLingui();
  const [text, setText] = useState('');
  const found = text.trim() === '' ? null : decoded(text);
  return (
    <Card title={t`Look into a token`} lead={t`It is read in this page and sent nowhere.`}>
      <TextArea label={t`Token`} name="token-text" className="font-mono text-[13px]" dir="ltr" rows={4} spellCheck={false} value={text} onChange={({ target }) => setText(target.value)} />
      {found?.ok === false && <p className="text-warn" role="alert">{t`This is not a token: it has to be three parts with dots between them.`}</p>}
      {found?.ok === true && (
        <div className="grid gap-3" data-testid="decoded">
          <Facts facts={[
            [t`Signed with`, <code key="alg">{textOf(found.header['alg'])}</code>],
            [t`Issued by key`, <code key="kid" className="[overflow-wrap:anywhere]">{textOf(found.header['kid'] ?? found.claims['iss'])}</code>],
            [t`Ends`, <Ends key="exp" exp={found.claims['exp']} />],
          ]} />
          <CodeBlock label={t`Claims`} text={JSON.stringify(found.claims, null, 2)} />
        </div>
      )}
    </Card>
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '–';
}

function Ends({ exp }: { exp: unknown }) {
  const [now] = useState(() => Date.now());
  if (typeof exp !== 'number') return <span className="text-warn"><Trans>Never: tokens need an “exp” claim</Trans></span>;
  const moment = momentText(new Date(exp * 1000).toISOString());
  return exp * 1000 < now ? <span className="text-warn"><Trans>{moment}: it has expired</Trans></span> : <>{moment}</>;
}
