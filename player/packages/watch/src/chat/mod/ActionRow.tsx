import { Trans, useLingui } from '@lingui/react/macro';
import type { ModerationAction } from '@weir/client/chat/wire.ts';
import { momentText } from '@weir/client/format.ts';
import { byWords, kindWords, mayUndo } from './words';

/** What a moderator did, and its undo. */
export function ActionRow({ action, onUndo }: { action: ModerationAction; onUndo: (id: string) => void }) {
  const { t } = useLingui();
  const { id, at, target, actor, reason, undone } = action;
  const what = kindWords(action);
  return (
    <li data-testid="mod-action" data-kind={action.kind} data-undone={undone !== undefined || undefined}>
      <span className="mod-row">
        <b>{what}</b> {target !== undefined && <bdi className="mod-name" title={target.name}>{target.name}</bdi>}
        <span className="spacer" />
        {mayUndo(action) && <button type="button" className="small-button plain" aria-label={t`Undo: ${what} ${target?.name ?? ''}`} onClick={() => onUndo(id)}><Trans>Undo</Trans></button>}
        {undone !== undefined && <span className="mod-soft"><Trans>undone</Trans></span>}
      </span>
      {reason !== undefined && <bdi className="mod-text">{reason}</bdi>}
      <span className="mod-soft"><time dateTime={at}>{momentText(at)}</time> · <bdi>{byWords(actor.name)}</bdi></span>
    </li>
  );
}
