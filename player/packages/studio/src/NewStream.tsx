import { useState } from 'react';
import { Glyph } from '@weir/ui/icons.tsx';
import type { Desk } from './studioStore';
import { useAction } from './useAction';

export function NewStream({ desk }: { desk: Desk }) {
  const [title, setTitle] = useState('');
  const { busy, error, run } = useAction();
  const create = () => run(async () => {
    await desk.createStream(title.trim());
    setTitle('');
  });
  return (
    <form className="new-stream" onSubmit={(event) => { event.preventDefault(); create(); }}>
      <input className="field" data-testid="new-stream-title" placeholder="Title of a new stream" aria-label="Title of a new stream" required maxLength={140} value={title} onChange={(event) => setTitle(event.target.value)} />
      <button type="submit" className="small-button plain wide with-icon" data-testid="new-stream" disabled={busy}>
        <Glyph name="plus" />
        New stream
      </button>
      {error !== null && <p className="error" role="alert">{error}</p>}
    </form>
  );
}
