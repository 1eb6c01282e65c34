import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import { Plural, useLingui } from '@lingui/react/macro';
import type { ChatClient } from '@weir/client/chat/client.ts';
import { completionFor, type Completion, type Option } from '@weir/client/chat/completion.ts';
import { knownFrom } from '@weir/client/chat/prompts.ts';
import { useStore } from '@weir/client/observable.ts';
import { useCalmPick, usePick } from './hooks';
import { grouped, groupsOf } from './commandGroups';
import { RolePill } from './person';

interface Draft {
  text: string;
  caret: number;
}

export interface Suggested {
  id: string;
  completion: Completion | null;
  active: number;
  /** What the text field says about the list to a screen reader. */
  field: object;
  /** True when the key was the list's. */
  onKey: (event: KeyboardEvent) => boolean;
  choose: (option: Option) => void;
}

/** Completions of the draft. Escape puts the list away until the draft changes; Enter takes what would change the draft. */
export function useSuggestions(chat: ChatClient, draft: Draft, take: (option: Option) => void): Suggested {
  const id = useId();
  const known = useStore(chat.prompts.view);
  const messages = useCalmPick(chat.view, ({ log }) => log.messages);
  const role = usePick(chat.view, (view) => view.role);
  const [active, setActive] = useState(0);
  const [dismissed, setDismissed] = useState<string | null>(null);
  const wanted = /(^\/|(^|\s)@)/.test(draft.text);
  useEffect(() => {
    if (wanted) void chat.prompts.need();
  }, [chat, wanted, draft.text]);
  const found = useMemo(
    () => (wanted && dismissed !== draft.text ? completionFor(draft.text, draft.caret, knownFrom(known, messages), { id: chat.self(), role }) : null),
    [wanted, dismissed, draft.text, draft.caret, known, messages, role, chat],
  );
  const completion = useMemo(() => (found === null ? null : grouped(found)), [found]);
  const count = completion?.options.length ?? 0;
  const at = Math.min(active, Math.max(0, count - 1));
  const choose = (option: Option) => {
    setActive(0);
    take(option);
  };
  const onKey = (event: KeyboardEvent): boolean => {
    const option = completion?.options[at];
    if (option === undefined || event.nativeEvent.isComposing) return false;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') setActive((at + (event.key === 'ArrowDown' ? 1 : count - 1)) % count);
    else if (event.key === 'Escape') setDismissed(draft.text);
    else if (takes(event, option, draft.text)) choose(option);
    else {
      setActive(0);
      return false;
    }
    event.preventDefault();
    return true;
  };
  const field = completion === null ? {} : {
    'aria-haspopup': 'listbox', 'aria-autocomplete': 'list', 'aria-controls': id,
    'aria-activedescendant': `${id}-${at}`,
  };
  return { id, completion, active: at, field, onKey, choose };
}

function takes({ key, shiftKey }: KeyboardEvent, option: Option, draft: string): boolean {
  return !shiftKey && (key === 'Tab' || (key === 'Enter' && !said(option, draft)));
}

/** The draft says it already, and it can be sent. */
function said({ text, whole, label, user }: Option, draft: string): boolean {
  const plain = draft.trim().toLowerCase();
  return whole && (text.trim().toLowerCase() === plain || (user !== null && plain.endsWith(`@${label.toLowerCase()}`)));
}

export function Suggestions({ id, completion, active, choose }: Suggested) {
  const { t } = useLingui();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => inView(list), [active, completion]);
  const count = completion?.options.length ?? 0;
  return (
    <>
      <p className="unseen" role="status">{count > 0 && <Plural value={count} one="# suggestion" other="# suggestions" />}</p>
      {completion !== null && (
        <div ref={list} id={id} className="suggestions" role="listbox" data-testid="suggestions" data-kind={completion.kind} aria-label={completion.kind === 'commands' ? t`Commands` : t`People`}>
          {groupsOf(completion).map(({ title, options }) => (
            <div key={title ?? ''} role={title === null ? 'presentation' : 'group'} aria-label={title ?? undefined}>
              {title !== null && <p className="suggestions-title" aria-hidden="true">{title}</p>}
              {options.map(({ option, index }) => (
                <div key={option.key} id={`${id}-${index}`} className="suggestion" role="option" aria-selected={index === active} data-testid="suggestion" onPointerDown={(event) => event.preventDefault()} onClick={() => choose(option)}>
                  <Shown option={option} />
                </div>
              ))}
            </div>
          ))}
        </div>
      )}
    </>
  );
}

function Shown({ option: { label, detail, user } }: { option: Option }) {
  if (user !== null) {
    return (
      <>
        <bdi className="suggested">{label}</bdi>
        <RolePill role={user.role} />
        {detail !== '' && <span className="about">{detail}</span>}
      </>
    );
  }
  const [name = '', ...takes] = label.split(' ');
  return (
    <>
      <span className="suggested">{name} <span className="takes">{takes.join(' ')}</span></span>
      <span className="about">{detail}</span>
    </>
  );
}

function inView(list: RefObject<HTMLElement | null>): void {
  list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
}
