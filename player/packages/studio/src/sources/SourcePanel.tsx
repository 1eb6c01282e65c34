import { useLingui } from '@lingui/react/macro';
import { useCallback, useState } from 'react';
import { useLocation } from 'wouter';
import { countText, durationText, momentText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { Sure } from '../common/ConfirmButton';
import { Choice, SecretField, TextArea, TextField } from '../common/fields';
import { BackLink, PageTitle } from '../common/PageTitle';
import { Pill } from '../common/Pill';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';
import { sources, type Preset, type Source, type SourceChange, type SourceShown, type SourceStats } from './api';
import { CUSTOM, authText, mappingDraft, mappingOf, networksOf, type MappingDraft } from './draft';
import { MappingEditor } from './MappingEditor';
import { Rejects } from './Rejects';

const POLL_MS = 5_000;
const OVERLAPS_S = [86_400, 3_600, 7 * 86_400, 0];

interface Props {
  ask: AskAsApp;
  changes: boolean;
  id: string;
  presets: readonly Preset[];
  /** Its secret, when it has just been created. */
  made: SourceShown | null;
  onCopied: () => void;
}

/** One source: its address, what came, what could not be taken, and everything that can be done with it. */
export function SourcePanel({ ask, changes, id, presets, made, onCopied }: Props) {
  const { t } = useLingui();
  const { value, error, refresh } = useQuery(useCallback(() => ask(sources.get, id), [ask, id]));
  const [sample, setSample] = useState<Pick<MappingDraft, 'sample' | 'query' | 'headers'> | null>(null);
  if (value === null) {
    return error === null ? <p className="soft" role="status">{t`Loading …`}</p> : <><BackLink section="sources">{t`Sources`}</BackLink><p className="error" role="alert">{error}</p></>;
  }
  const { value: source, etag } = value;
  const preset = presets.find(({ kind }) => kind === source.kind);
  const change = async (body: SourceChange) => {
    await ask(sources.change, id, body, body.mapping === undefined ? null : etag);
    await refresh();
  };
  return (
    <>
      <header className="page-head">
        <PageTitle section="sources" back={t`Sources`}>{source.name}</PageTitle>
        <p className="soft">{[preset?.title ?? t`Own mapping`, authText(source.auth), t`created ${momentText(source.created)}`].join(' · ')}</p>
      </header>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {made !== null && <Fresh made={made} note={preset?.note ?? null} onCopied={onCopied} />}
      <div className="box"><CopyField label={t`Address that the partner calls`} value={source.url} testId="source-url" /></div>
      <Counts ask={ask} source={source} changes={changes} onChange={change} />
      <Rejects ask={ask} changes={changes} id={id} onTry={setSample} />
      <MappingBox key={JSON.stringify([source.mapping, sample])} ask={ask} changes={changes} source={source} preset={preset} sample={sample} onChange={change} />
      {changes && <SecretBox ask={ask} source={source} onChanged={refresh} />}
      {changes && <Manage key={JSON.stringify([source.name, source.networks])} ask={ask} source={source} onChange={change} />}
    </>
  );
}

function Fresh({ made, note, onCopied }: { made: SourceShown; note: string | null; onCopied: () => void }) {
  const { t } = useLingui();
  return (
    <div className="box fresh" role="status" data-testid="fresh-source">
      <h2>{t`The source is ready`}</h2>
      {made.secret === null ? <p className="soft">{t`It uses the partner’s own secret. Give the partner the address below.`}</p> : (
        <>
          <p className="soft">{t`Copy the secret now: it cannot be shown again. The partner needs it and the address below.`}</p>
          <CopyField label={t`Secret`} value={made.secret} secret testId="source-secret" />
        </>
      )}
      {note !== null && <p className="anywhere after-field">{note}</p>}
      <button type="button" className="small-button" data-testid="secrets-copied" onClick={onCopied}>{made.secret === null ? t`Continue` : t`I have copied it`}</button>
    </div>
  );
}

interface CountsProps {
  ask: AskAsApp;
  source: Source;
  changes: boolean;
  onChange: (body: SourceChange) => Promise<void>;
}

function Counts({ ask, source, changes, onChange }: CountsProps) {
  const { t } = useLingui();
  const { value: stats, error } = useQuery(useCallback(() => ask(sources.stats, source.id), [ask, source.id]), POLL_MS);
  return (
    <div className="form">
      <StateBox source={source} stats={stats} changes={changes} onChange={onChange} />
      {error !== null && <p className="error" role="alert">{error}</p>}
      {stats !== null && (
        <div>
          <dl className="figures six" data-testid="source-figures">
            {([[t`Received`, stats.received], [t`Repeated`, stats.repeated], [t`Rejected`, stats.rejected], [t`Refused`, stats.refused]] as const).map(([name, count]) => <div key={name}><dt>{name}</dt><dd>{countText(count)}</dd></div>)}
          </dl>
          <p className="soft below">{t`The last 24 hours. Rejected: authentic, but the mapping could not take it. Refused: not authentic, and not kept.`}</p>
        </div>
      )}
    </div>
  );
}

function StateBox({ source, stats, changes, onChange }: Omit<CountsProps, 'ask'> & { stats: SourceStats | null }) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const received = stats === null ? '' : stats.last_received === null ? t`Nothing received in the last 7 days` : t`Last received ${momentText(stats.last_received)}`;
  return (
    <div className="callout" data-tone={source.enabled ? 'good' : 'off'} data-testid="source-state">
      <div className="callout-text">
        <p><Pill tone={source.enabled ? 'good' : 'off'} words={source.enabled ? t`Open` : t`Disabled`} /> <span className="soft">{received}</span></p>
        {!source.enabled && <p className="soft">{t`Everything that is sent to it is refused.`}</p>}
        {stats?.last_refused && <p>{t`Last refused ${momentText(stats.last_refused.at)}`}: {stats.last_refused.reason}</p>}
        {error !== null && <p className="error" role="alert">{error}</p>}
      </div>
      {changes && (source.enabled
        ? <Sure label={t`Disable`} testId="disable-source" plain busy={busy} yes={t`Disable it`} question={t`What the partner sends is refused until you enable the source again.`} onYes={() => run(() => onChange({ enabled: false }))} />
        : <button type="button" className="small-button" data-testid="enable-source" disabled={busy} onClick={() => run(() => onChange({ enabled: true }))}>{t`Enable`}</button>)}
    </div>
  );
}

interface MappingProps extends CountsProps {
  preset: Preset | undefined;
  /** A rejected body to try the mapping on. */
  sample: Pick<MappingDraft, 'sample' | 'query' | 'headers'> | null;
}

function MappingBox({ ask, changes, source, preset, sample, onChange }: MappingProps) {
  const { t } = useLingui();
  const [draft, setDraft] = useState<MappingDraft>(() => ({ ...mappingDraft(preset, source.mapping), ...sample }));
  const [mistake, setMistake] = useState<string | null>(null);
  const { busy, error, run } = useAction();
  const save = () => {
    const mapping = mappingOf(draft);
    setMistake(typeof mapping === 'string' ? mapping : null);
    if (typeof mapping !== 'string') run(() => onChange({ mapping }));
  };
  return (
    <details className="box" open={sample !== null || source.kind === CUSTOM}>
      <summary>{source.mapping === null ? t`Mapping (the preset’s)` : t`Mapping`}</summary>
      <form className="form" aria-label={t`Mapping`} onSubmit={(event) => { event.preventDefault(); save(); }}>
        <MappingEditor ask={ask} kind={source.kind} draft={draft} onChange={setDraft} />
        {changes && (
          <div className="form-end">
            <button type="submit" className="small-button" data-testid="save-mapping" disabled={busy}>{t`Save the mapping`}</button>
            {source.mapping !== null && preset !== undefined && <button type="button" className="small-button plain" disabled={busy} onClick={() => run(() => onChange({ mapping: null }))}>{t`Use the preset’s again`}</button>}
            {(mistake ?? error) !== null && <span className="error" role="alert">{mistake ?? error}</span>}
          </div>
        )}
      </form>
    </details>
  );
}

function SecretBox({ ask, source, onChanged }: { ask: AskAsApp; source: Source; onChanged: () => Promise<void> }) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const [overlap, setOverlap] = useState('86400');
  const [own, setOwn] = useState('');
  const [fresh, setFresh] = useState<string | null>(null);
  const ending = source.secrets.find(({ expires }) => expires !== null)?.expires;
  const rotate = () => run(async () => {
    const { secret } = await ask(sources.rotate, source.id, { overlap_s: Number(overlap), ...(own === '' ? {} : { secret: own }) });
    setFresh(secret);
    setOwn('');
    await onChanged();
  });
  return (
    <div className={`box${fresh === null ? '' : ' fresh'}`}>
      <h2>{t`Secret`}</h2>
      {ending && <p className="soft">{t`The secret before is accepted until ${momentText(ending)}.`}</p>}
      {fresh !== null ? (
        <div role="status" className="form">
          <p>{t`Copy the new secret now: it cannot be shown again.`}</p>
          <CopyField label={t`New secret`} value={fresh} secret testId="new-secret" />
          <button type="button" className="small-button start" onClick={() => setFresh(null)}>{t`I have copied it`}</button>
        </div>
      ) : (
        <>
          <SecretField label={t`The partner’s new secret`} name="own-secret" minLength={8} maxLength={200} hint={t`Only if the partner gives you one. Empty: one is made and shown once.`} value={own} onChange={setOwn} />
          <div className="end-row">
            <Choice label={t`The old one is accepted for another`} name="overlap" value={overlap} onChange={setOverlap}>
              {OVERLAPS_S.map((seconds) => <option key={seconds} value={seconds}>{seconds === 0 ? t`no time: it ends now` : durationText(seconds)}</option>)}
            </Choice>
            <Sure label={t`Replace the secret`} testId="rotate" plain busy={busy} yes={t`Replace it`} onYes={rotate} question={overlap === '0' ? t`What is sent with the old secret is refused from now on.` : t`The partner can change over until then. An older secret ends now.`} />
          </div>
        </>
      )}
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}

function Manage({ ask, source, onChange }: Omit<CountsProps, 'changes'>) {
  const { t } = useLingui();
  const [, go] = useLocation();
  const [name, setName] = useState(source.name);
  const [networks, setNetworks] = useState(source.networks.join('\n'));
  const { busy, error, run } = useAction();
  const remove = () => run(async () => {
    await ask(sources.remove, source.id);
    go('/sources');
  });
  return (
    <form className="box" aria-label={t`Settings`} onSubmit={(event) => { event.preventDefault(); run(() => onChange({ name: name.trim(), networks: networksOf(networks) })); }}>
      <h2>{t`Settings`}</h2>
      <TextField label={t`Name`} name="source-name" dir="auto" required maxLength={140} value={name} onChange={setName} />
      <TextArea label={t`Networks it sends from`} className="mono" name="source-networks" rows={2} spellCheck={false} placeholder="203.0.113.0/24" hint={t`One a line. Empty: from everywhere.`} value={networks} onChange={setNetworks} />
      <div className="end-row">
        <button type="submit" className="small-button plain" data-testid="save-settings" disabled={busy}>{t`Save`}</button>
        <Sure label={t`Delete`} testId="delete-source" busy={busy} yes={t`Delete it`} question={t`Its address no longer answers, and rejected bodies are deleted. This cannot be undone.`} onYes={remove} />
      </div>
      {error !== null && <p className="error" role="alert">{error}</p>}
    </form>
  );
}
