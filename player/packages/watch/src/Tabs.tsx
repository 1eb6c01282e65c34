import type { KeyboardEvent } from 'react';
import { useLingui } from '@lingui/react/macro';

export type Tab = 'chat' | 'about';

interface Props {
  tab: Tab;
  onChoose: (tab: Tab) => void;
}

/** On small screens: the chat, or what there is to read about the stream. */
export function Tabs({ tab, onChoose }: Props) {
  const { t } = useLingui();
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    event.preventDefault();
    const other = tab === 'chat' ? 'about' : 'chat';
    onChoose(other);
    event.currentTarget.querySelector<HTMLElement>(`#tab-${other}`)?.focus();
  };
  const one = (name: Tab, label: string) => (
    <button type="button" role="tab" id={`tab-${name}`} aria-selected={tab === name} aria-controls={`${name}-panel`} tabIndex={tab === name ? 0 : -1} className="tab" onClick={() => onChoose(name)}>
      {label}
    </button>
  );
  return (
    <div className="tabs" role="tablist" aria-label={t`Chat or about the stream`} onKeyDown={onKeyDown}>
      {one('chat', t`Chat`)}
      {one('about', t`About`)}
    </div>
  );
}
