import { useState } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import type { ChatClient } from '@weir/client/chat/client.ts';
import { durationText } from '@weir/client/format.ts';
import { usePick } from '../hooks';

const SLOW = [5, 10, 30, 60, 120] as const;
const WAITS = [600, 3_600] as const;
type Mode = 'lockdown' | 'subscribers' | 'followers' | 'emoteonly' | 'guestsread';

/** The channel's modes. A switch shows what holds, not what was clicked: the server's event moves it. */
export function Switches({ chat }: { chat: ChatClient }) {
  const { t } = useLingui();
  const settings = usePick(chat.view, ({ log }) => log.settings);
  const modes: [Mode, string][] = [
    ['lockdown', t`Only moderators and VIPs may write`], ['subscribers', t`Only subscribers`], ['followers', t`Only followers`], ['emoteonly', t`Only emotes`], ['guestsread', t`Guests only read`],
  ];
  const run = (command: string) => void chat.command(command);
  return (
    <section className="mod-panel" aria-labelledby="mod-modes">
      <h2 id="mod-modes"><Trans>Who may write</Trans></h2>
      {modes.map(([mode, label]) => (
        <label key={mode} className="switch">
          <span>{label}</span>
          <input type="checkbox" role="switch" checked={settings[mode]} onChange={() => run(`/${mode}${settings[mode] ? 'off' : ''}`)} />
        </label>
      ))}
      <Times label={t`Slow mode`} value={settings.slow} steps={SLOW} onChoose={(seconds) => run(seconds === 0 ? '/slowoff' : `/slow ${seconds}s`)} />
      <Times label={t`New guests wait`} value={settings.guestwait} steps={WAITS} onChoose={(seconds) => run(seconds === 0 ? '/guestwaitoff' : `/guestwait ${seconds}s`)} />
    </section>
  );
}

function Times({ label, value, steps, onChoose }: { label: string; value: number; steps: readonly number[]; onChoose: (seconds: number) => void }) {
  const { t } = useLingui();
  const offered = [...new Set([...steps, ...(value > 0 ? [value] : [])])].sort((one, other) => one - other);
  return (
    <label className="switch">
      <span>{label}</span>
      <select className="field" value={value} onChange={(event) => onChoose(Number(event.target.value))}>
        <option value={0}>{t`Off`}</option>
        {offered.map((seconds) => <option key={seconds} value={seconds}>{durationText(seconds)}</option>)}
      </select>
    </label>
  );
}

/** Commands that are wanted in a hurry, and one line for all others. */
export function QuickCommands({ chat }: { chat: ChatClient }) {
  const { t } = useLingui();
  const [words, setWords] = useState('');
  const quick: [string, string][] = [['/clear', t`Clear the chat`], ['/undo', t`Undo my last action`], ['/unpin', t`Unpin`], ['/mods', t`List moderators`]];
  const announce = () => {
    if (words.trim() === '') return;
    void chat.command(`/announce ${words.trim()}`);
    setWords('');
  };
  return (
    <section className="mod-panel" aria-labelledby="mod-quick">
      <h2 id="mod-quick"><Trans>Quick commands</Trans></h2>
      <div className="mod-buttons">{quick.map(([command, label]) => <button key={command} type="button" className="small-button plain" onClick={() => void chat.command(command)}>{label}</button>)}</div>
      <form className="mod-announce" onSubmit={(event) => { event.preventDefault(); announce(); }}>
        <input className="field" value={words} maxLength={500} aria-label={t`Announcement`} placeholder={t`Announcement`} onChange={(event) => setWords(event.target.value)} />
        <button type="submit" className="small-button" disabled={words.trim() === ''}><Trans>Announce</Trans></button>
      </form>
    </section>
  );
}
