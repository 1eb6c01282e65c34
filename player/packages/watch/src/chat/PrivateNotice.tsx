import { Trans, useLingui } from '@lingui/react/macro';
import type { ChatClient, Notice } from '@weir/client/chat/client.ts';
import type { Choice, CommandForm } from '@weir/client/chat/wire.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { usePick } from './hooks';

/** What the chat says to this person alone: a command's answer, a refusal, a warning. The next one takes its place. */
export function PrivateNotice({ chat }: { chat: ChatClient }) {
  const { t } = useLingui();
  const notice = usePick(chat.view, (view) => view.notice);
  return (
    <div role="status" className="notice-place">
      {notice !== null && (
        <div className="notice" data-kind={notice.kind} data-testid="chat-reply">
          <div className="notice-body">
            <Words notice={notice} />
            {notice.undo !== null && <Undo chat={chat} command={notice.undo} />}
            <Choices chat={chat} choices={notice.choices} />
          </div>
          <button type="button" className="plain-icon" aria-label={t`Dismiss`} title={t`Dismiss`} onClick={() => chat.dismissNotice()}>
            <Glyph name="close" />
          </button>
        </div>
      )}
    </div>
  );
}

function Undo({ chat, command }: { chat: ChatClient; command: string }) {
  return <button type="button" className="link-button" data-testid="undo" onClick={() => void chat.command(command)}><Trans>Undo</Trans></button>;
}

/** The same command about each person who may have been meant. */
function Choices({ chat, choices }: { chat: ChatClient; choices: readonly Choice[] }) {
  const { t } = useLingui();
  const usable = choices.filter(({ text }) => text !== undefined);
  if (usable.length === 0) return null;
  const names = usable.map(({ name }) => name.toLowerCase());
  return (
    <ul className="choices" aria-label={t`Who was meant`}>
      {usable.map(({ id, name, role, text = '' }) => (
        <li key={id}>
          <button type="button" className="small-button plain" data-testid="choice" title={text} onClick={() => void chat.command(text)}>
            <bdi>{name}</bdi>
            {names.indexOf(name.toLowerCase()) !== names.lastIndexOf(name.toLowerCase()) && <small> {role} · {id}</small>}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The list of all commands is long: one line each, the command set apart from what it takes. */
function Words({ notice: { words, commands } }: { notice: Notice }) {
  const { t } = useLingui();
  if (commands.length === 0) return <p>{words}</p>;
  return (
    <>
      <p className="notice-title"><Trans>Commands <span>/help NAME explains one</span></Trans></p>
      <ul className="usages" tabIndex={0} aria-label={t`Commands`}>
        {commands.map((command) => <Usage key={command.name} {...command} />)}
      </ul>
    </>
  );
}

function Usage({ usage, about }: CommandForm) {
  const [command = '', ...rest] = usage.split(' ');
  return <li title={about}><b>{command}</b> {rest.join(' ')}</li>;
}
