import { viewersText } from '@weir/client/format.ts';
import { StateDot } from './StateDot';
import type { OwnStream } from './api';
import type { Desk } from './studioStore';

interface Props {
  desk: Desk;
  streams: readonly OwnStream[];
  selected: string | null;
}

export function StreamList({ desk, streams, selected }: Props) {
  return (
    <ul className="stream-list">
      {streams.map((stream) => (
        <li key={stream.id}>
          <button type="button" className="stream-item" aria-current={stream.id === selected} data-testid="stream-item" onClick={() => desk.select(stream.id)}>
            <StateDot state={stream.state} />
            <span className="stream-title"><bdi>{stream.title || 'Untitled stream'}</bdi></span>
            {stream.state !== 'idle' && <span className="soft" title={viewersText(stream.viewers)}>{stream.viewers}</span>}
          </button>
        </li>
      ))}
    </ul>
  );
}
