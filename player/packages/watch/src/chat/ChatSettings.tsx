import { Trans, useLingui } from '@lingui/react/macro';
import { ALIGN_MODES, SIZES, type ChatSettings as Values } from '@weir/client/chat/settings.ts';
import { useStore } from '@weir/client/observable.ts';
import { Dialog } from '../dialogs/Dialog';
import { useScope } from './hooks';

type Flag = 'times' | 'badges' | 'avatars' | 'motion' | 'titleCount';

/** How this reader wants the chat; each change counts at once. */
export function ChatSettings({ onClose }: { onClose: () => void }) {
  const { t } = useLingui();
  const { settings } = useScope().chat;
  const values = useStore(settings.view);
  const sizes: Record<Values['size'], string> = { small: t`Small`, medium: t`Medium`, large: t`Large`, huge: t`Very large` };
  const modes: Record<Values['align'], string> = { auto: t`When the picture is late`, on: t`Always`, off: t`Never` };
  const flags: [Flag, string][] = [
    ['times', t`Show the time of each message`], ['badges', t`Show badges`], ['avatars', t`Show pictures of people`], ['motion', t`Show animations`], ['titleCount', t`Count mentions in the page’s title`],
  ];
  return (
    <Dialog title={t`Chat settings`} onClose={onClose}>
      <div className="chat-settings" data-testid="chat-settings-dialog">
        <Choice label={t`Text size`} name="size" options={SIZES} words={sizes} value={values.size} onChoose={(size) => settings.change({ size })} />
        {flags.map(([name, label]) => (
          <label key={name} className="dialog-check"><input type="checkbox" checked={values[name]} onChange={(event) => settings.change({ [name]: event.target.checked })} />{label}</label>
        ))}
        <Choice label={t`Wait for the picture`} name="align" options={ALIGN_MODES} words={modes} value={values.align} onChoose={(align) => settings.change({ align })} />
        <p className="dialog-hint"><Trans>Messages of others are shown when your picture reaches the moment at which they were written.</Trans></p>
        <Ignored />
      </div>
    </Dialog>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  name: string;
  options: readonly T[];
  words: Record<T, string>;
  value: T;
  onChoose: (value: T) => void;
}

function Choice<T extends string>({ label, name, options, words, value, onChoose }: ChoiceProps<T>) {
  return (
    <fieldset className="choice-row">
      <legend>{label}</legend>
      {options.map((one) => (
        <label key={one} data-on={one === value}><input type="radio" name={name} className="unseen" checked={one === value} onChange={() => onChoose(one)} />{words[one]}</label>
      ))}
    </fieldset>
  );
}

function Ignored() {
  const { settings } = useScope().chat;
  const people = Object.entries(useStore(settings.view).ignored);
  if (people.length === 0) return null;
  return (
    <section className="ignored">
      <h3><Trans>People you ignore</Trans></h3>
      <ul>
        {people.map(([id, name]) => (
          <li key={id}><bdi>{name}</bdi><button type="button" className="small-button plain" onClick={() => settings.heed(id)}><Trans>Show again</Trans></button></li>
        ))}
      </ul>
    </section>
  );
}
