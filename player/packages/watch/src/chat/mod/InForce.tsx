import { Trans, useLingui } from '@lingui/react/macro';
import type { Restriction } from '@weir/client/chat/wire.ts';
import { momentText } from '@weir/client/format.ts';
import { byWords, kindWords } from './words';

interface Props {
  restrictions: readonly Restriction[];
  onEnd: (action: string) => void;
  onName?: (id: string) => void;
}

/** Measures that hold now, each with its end. */
export function InForce({ restrictions, onEnd, onName }: Props) {
  if (restrictions.length === 0) return null;
  return <ul className="mod-list">{restrictions.map((one) => <Row key={one.action} restriction={one} onEnd={onEnd} onName={onName} />)}</ul>;
}

function Row({ restriction, onEnd, onName }: { restriction: Restriction; onEnd: (action: string) => void; onName: ((id: string) => void) | undefined }) {
  const { t } = useLingui();
  const { user: { id, name }, action, expires, reason, actor } = restriction;
  const what = kindWords(restriction);
  return (
    <li data-testid="restriction" data-kind={restriction.kind}>
      <span className="mod-row">
        {onName === undefined ? <bdi className="mod-name">{name}</bdi> : <button type="button" className="link-button mod-name" title={name} onClick={() => onName(id)}><bdi>{name}</bdi></button>}
        <span className="role" data-role="shadow">{what}</span>
        <span className="spacer" />
        <button type="button" className="small-button plain" aria-label={t`End: ${what} ${name}`} onClick={() => onEnd(action)}><Trans>End</Trans></button>
      </span>
      {reason !== undefined && <bdi className="mod-text">{reason}</bdi>}
      <span className="mod-soft">{expires === undefined ? <Trans>without an end</Trans> : <Trans>until {momentText(expires)}</Trans>} · <bdi>{byWords(actor.name)}</bdi></span>
    </li>
  );
}
