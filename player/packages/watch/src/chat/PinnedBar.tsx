import { useLingui } from '@lingui/react/macro';
import { moderates } from '@weir/client/chat/rights.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { usePick, useScope } from './hooks';

/** The pinned message, above all others. */
export function PinnedBar() {
  const { t } = useLingui();
  const { chat, role } = useScope();
  const pinned = usePick(chat.view, ({ log }) => log.pinned);
  if (pinned === null || pinned.state !== 'sent') return null;
  return (
    <section className="pinned" aria-label={t`Pinned message`} data-testid="chat-pinned">
      <Glyph name="pin" />
      <p title={pinned.text}><b><bdi>{pinned.author.name}</bdi></b> <bdi>{pinned.text}</bdi></p>
      {moderates(role) && (
        <button type="button" className="plain-icon" aria-label={t`Unpin`} title={t`Unpin`} onClick={() => void chat.command('/unpin')}><Glyph name="close" /></button>
      )}
    </section>
  );
}
