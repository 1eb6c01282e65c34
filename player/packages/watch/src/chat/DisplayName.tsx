import { useState } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import type { Person } from '@weir/client/api.ts';
import { wordsOf } from '@weir/client/http.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';

/** The own name in the chat, and the way to change it. */
export function DisplayName({ watching, user }: { watching: Watching; user: Person }) {
  const { t } = useLingui();
  const [draft, setDraft] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  const save = async () => {
    const name = (draft ?? '').trim();
    if (name === '' || name === user.name) {
      setDraft(null);
      return;
    }
    try {
      await watching.rename(name); // the tag begins anew under the new name
    } catch (problem) {
      setError(wordsOf(problem));
    }
  };
  if (draft === null) {
    return (
      <button type="button" className="name-tag" data-testid="name" title={t`Change your name`} onClick={() => setDraft(user.name)}>
        <span><Trans>Chatting as <b><bdi>{user.name}</bdi></b></Trans></span>
        <Glyph name="pencil" />
      </button>
    );
  }
  return (
    <form className="name-form" onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <input data-testid="name-input" aria-label={t`Your name`} autoFocus maxLength={40} value={draft} onChange={(event) => setDraft(event.target.value)} onKeyDown={(event) => { if (event.key === 'Escape') setDraft(null); }} />
      <button type="submit" className="small-button" data-testid="name-save"><Trans>Save</Trans></button>
      <button type="button" className="small-button plain" onClick={() => setDraft(null)}><Trans>Cancel</Trans></button>
      {error !== null && <p role="alert" className="composer-notice">{error}</p>}
    </form>
  );
}
