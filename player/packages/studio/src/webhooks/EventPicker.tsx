import { t } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { CodeBlock } from '../common/CodeBlock';
import { Check, TextField } from '../common/fields';
import type { EventKind } from './api';
import { ALL, exampleBody, groupsOf, groupToggled, includes, ownTypes, toggled, type Group } from './eventTypes';

interface Props {
  kinds: readonly EventKind[];
  types: readonly string[];
  onChange: (types: string[]) => void;
}

/** Which events are sent. The example is of the type that was touched last. */
export function EventPicker({ kinds, types, onChange }: Props) {
  const { t } = useLingui();
  const [search, setSearch] = useState('');
  const [shown, setShown] = useState<EventKind | null>(null);
  const groups = groupsOf(kinds, search);
  const all = types.includes(ALL);
  const example = shown ?? kinds.find(({ type }) => type === 'stream.live') ?? kinds[0];
  return (
    <fieldset className="picker">
      <legend>{t`Events`}</legend>
      <Check name="all-events" label={t`All events`} hint={t`also types that a later version adds`} checked={all} onChange={(checked) => onChange(checked ? [ALL] : [])} />
      <div className="picker-both">
        <div className="picker-side">
          <input type="search" className="field" aria-label={t`Search the types of events`} placeholder={t`Search: live, recording, place …`} data-testid="search-types" value={search} onChange={(event) => setSearch(event.target.value)} />
          <div className="picker-list" role="group" aria-label={t`Types of events`}>
            {groups.map((group) => <TypeGroup key={group.prefix} group={group} kinds={kinds} types={types} onChange={onChange} onShow={setShown} />)}
            {groups.length === 0 && <p className="soft">{t`No type of event is named or explained so.`}</p>}
          </div>
        </div>
        {example !== undefined && (
          <div className="picker-example" aria-live="polite">
            <strong className="mono">{example.type}</strong>
            <p className="soft">{example.about || t`No more is said of it.`}</p>
            <CodeBlock label={t`Example body`} text={exampleBody(example)} />
          </div>
        )}
      </div>
      <OwnTypes kinds={kinds} types={types} onChange={onChange} />
      <p className="soft" role="status">{chosenText(types)}</p>
    </fieldset>
  );
}

interface GroupProps extends Props {
  group: Group;
  onShow: (kind: EventKind) => void;
}

function TypeGroup({ group, kinds, types, onChange, onShow }: GroupProps) {
  const name = `${group.prefix}.*`;
  return (
    <div className="picker-group">
      <Check name={name} label={name} checked={types.includes(ALL) || types.includes(name)} onChange={() => onChange(groupToggled(types, group.prefix, kinds))} />
      {group.kinds.map((kind) => (
        <div key={kind.type} className="picker-one" onFocus={() => onShow(kind)} onMouseEnter={() => onShow(kind)}>
          <Check name={kind.type} label={kind.type} checked={includes(types, kind.type)} onChange={() => onChange(toggled(types, kind.type, kinds))} />
        </div>
      ))}
    </div>
  );
}

/** Types that no list can know: `custom.…` of the app, `partner.…` of its sources. */
function OwnTypes({ kinds, types, onChange }: Props) {
  const { t } = useLingui();
  const own = ownTypes(types, kinds);
  const [text, setText] = useState(own.join(', '));
  const change = (typed: string) => {
    setText(typed);
    const wanted = typed.split(/[\s,]+/).filter((one) => one !== '');
    onChange([...types.filter((one) => !own.includes(one)), ...wanted.filter((one) => !types.includes(one) || own.includes(one))]);
  };
  return <TextField label={t`Your own types`} className="mono" name="own-types" spellCheck={false} placeholder={t`custom.order.paid, partner.*`} hint={t`Events that your servers publish, or that sources receive. Several are separated by commas.`} value={text} onChange={change} />;
}

function chosenText(types: readonly string[]): string {
  if (types.includes(ALL)) return t`All events are sent.`;
  return types.length === 0 ? t`Nothing is chosen yet.` : t`Chosen: ${types.join(', ')}`;
}
